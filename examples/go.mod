module github.com/sandi-auth/sandi/examples

go 1.26.0

require github.com/sandi-auth/sandi v0.0.0

replace github.com/sandi-auth/sandi => ../
