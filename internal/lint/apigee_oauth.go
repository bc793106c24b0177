package lint

import (
	"fmt"
	"slices"
	"strings"
)

// read fills the policy in.
func (a *apigee) read() {
	switch a.root.name {
	case "OAuthV2":
		a.oauth()
	case "RevokeOAuthV2", "DeleteOAuthV2Info":
		a.revokes()
	case "GenerateJWT":
		a.lifetime(Access, "ExpiresIn", jwtExpiry())
		a.signing()
	case "VerifyJWT":
		if a.root.child("MaxLifespan") != nil { // the longest life of a token that it takes
			a.lifetime(Access, "MaxLifespan", interval())
		}
		a.fact(Fact{Name: SkipsVerification, At: a.policy.At})
		a.signing()
		a.tokenIn("Source")
	case "DecodeJWT":
		a.fact(Fact{Name: SkipsVerification, Bool: true, At: a.policy.At, Raw: a.root.name})
		a.tokenIn("Source")
	}
	a.misspelt()
}

// operations are those of the OAuthV2 policy.
func operations() []string {
	return []string{
		"GenerateAccessToken", "GenerateAccessTokenImplicitGrant", "GenerateAuthorizationCode", "RefreshAccessToken", "VerifyAccessToken", "InvalidateToken", "ValidateToken",
		"GenerateJWTAccessToken", "GenerateJWTAccessTokenImplicitGrant", "RefreshJWTAccessToken", "VerifyJWTAccessToken",
	}
}

// oauth reads an OAuthV2 policy by its operation.
func (a *apigee) oauth() {
	operation := a.operation()
	switch operation {
	case "GenerateAccessToken", "GenerateJWTAccessToken":
		a.generates()
	case "GenerateAccessTokenImplicitGrant", "GenerateJWTAccessTokenImplicitGrant":
		a.implicit()
	case "GenerateAuthorizationCode":
		a.lifetime(Code, "ExpiresIn", milliseconds())
		a.fact(Fact{Name: RefreshIssued, At: a.policy.At})
		a.listed()
	case "RefreshAccessToken", "RefreshJWTAccessToken":
		a.refreshes()
	case "VerifyAccessToken":
		a.lifetime(RevocationWait, "CacheExpiryInSeconds", cacheSeconds())
		a.takesNoLifetime(operation)
	case "InvalidateToken":
		a.revokes()
		a.takesNoLifetime(operation)
		a.namesToken(operation)
	case "ValidateToken":
		a.takesNoLifetime(operation)
		a.namesToken(operation)
	case "VerifyJWTAccessToken":
		a.takesNoLifetime(operation)
	default: // a fault already: what is written is judged all the same
		a.unknownOperation()
	}
	if e := a.root.child("CacheExpiryInSeconds"); e != nil && operation != "VerifyAccessToken" && operation != "" {
		a.fault(e, "CacheExpiryInSeconds is for VerifyAccessToken, and does nothing in "+operation, "remove it")
	}
	a.signing()
	a.tokenIn("AccessToken", "RefreshToken", "Token", "ExternalAccessToken", "ExternalRefreshToken")
}

// operation reads the <Operation>; "" for none that is known.
func (a *apigee) operation() string {
	e := a.root.child("Operation")
	if e == nil || len(e.value) == 0 {
		at, raw := a.policy.At, string(a.text[a.root.start:a.root.tag])
		a.invalid(Fault{At: at, Raw: raw, Problem: "This OAuthV2 policy has no Operation: it is refused when it is deployed", Fix: "<Operation>GenerateAccessToken</Operation>"})
		return ""
	}
	name := string(e.value)
	if slices.Contains(operations(), name) {
		return name
	}
	fix := "one of " + strings.Join(operations(), ", ")
	if want := nearest(name, operations()); want != "" {
		fix = want
	}
	a.fault(e, fmt.Sprintf("There is no operation %.60q", name), fix)
	return ""
}

func (a *apigee) unknownOperation() {
	if a.root.child("ExpiresIn") != nil {
		a.lifetime(Access, "ExpiresIn", milliseconds())
	}
	if a.root.child("RefreshTokenExpiresIn") != nil {
		a.lifetime(Refresh, "RefreshTokenExpiresIn", milliseconds())
	}
	a.listed()
}

// generates reads what makes tokens for the grant types that it lists.
func (a *apigee) generates() {
	a.lifetime(Access, "ExpiresIn", milliseconds())
	grants := a.listed()
	if len(grants) == 0 { // "If no supported grant types are specified", these are allowed
		grants = []string{"authorization_code", "implicit"}
		e := a.root.child("SupportedGrantTypes")
		if e == nil {
			e = a.root.child("Operation")
		}
		at, raw := a.place(e)
		a.fact(Fact{Name: GrantTypes, Words: grants, Unset: true, At: at, Raw: raw})
	}
	refresh := slices.Contains(grants, "authorization_code") || slices.Contains(grants, "password")
	if refresh || a.root.child("RefreshTokenExpiresIn") != nil {
		a.lifetime(Refresh, "RefreshTokenExpiresIn", milliseconds())
	}
	a.mints(refresh)
}

// implicit reads what makes tokens without a refresh token (RFC 6749 section 4.2.2).
func (a *apigee) implicit() {
	a.lifetime(Access, "ExpiresIn", milliseconds())
	at, raw := a.place(a.root.child("Operation"))
	a.fact(Fact{Name: GrantTypes, Words: []string{"implicit"}, At: at, Raw: raw})
	a.mints(false)
}

// refreshes reads what takes a refresh token, and gives another one unless ReuseRefreshToken says not to.
func (a *apigee) refreshes() {
	a.lifetime(Access, "ExpiresIn", milliseconds())
	a.lifetime(Refresh, "RefreshTokenExpiresIn", milliseconds())
	a.mints(true)
	a.fact(Fact{Name: RefreshUsed, Bool: true, At: a.policy.At})
	reuse, e := a.boolean("ReuseRefreshToken")
	f := Fact{Name: Rotation, Bool: !reuse, Unset: e == nil, At: a.policy.At}
	if e != nil {
		f.At, f.Raw = a.place(e)
		if e.plain {
			f.Write = func(string) string { return "false" }
		}
	}
	a.fact(f)
}

func (a *apigee) mints(refresh bool) {
	at, _ := a.place(a.root.child("Operation"))
	a.fact(Fact{Name: Mints, Bool: true, At: at})
	a.fact(Fact{Name: RefreshIssued, Bool: refresh, At: at})
}

// revokes is a policy that ends tokens; one that does not run does not.
func (a *apigee) revokes() {
	if !a.policy.Disabled {
		a.fact(Fact{Name: Revocation, Bool: true, At: a.policy.At})
	}
}

// listed reads SupportedGrantTypes. The fact stands at the first of them that is not to be used.
func (a *apigee) listed() (grants []string) {
	list := a.root.child("SupportedGrantTypes")
	if list == nil {
		return nil
	}
	f := Fact{Name: GrantTypes}
	for _, e := range list.children[:min(len(list.children), maxFaults)] {
		grant := strings.ToLower(string(e.value))
		known := slices.Contains([]string{"authorization_code", "client_credentials", "implicit", "password"}, grant)
		switch {
		case e.name != "GrantType" || len(e.value) == 0:
			continue
		case !known && !placeholder(grant):
			a.fault(e, fmt.Sprintf("There is no grant type %.60q here", grant), "authorization_code, client_credentials, implicit or password")
		}
		if bad := grant == "implicit" || grant == "password"; f.Words == nil || bad && !slices.Contains(f.Words, "implicit") && !slices.Contains(f.Words, "password") {
			f.At, f.Raw = a.place(e)
		}
		f.Words = append(f.Words, grant)
	}
	if f.Words != nil {
		a.fact(f)
	}
	return f.Words
}

// takesNoLifetime finds what is refused for an operation that makes nothing.
func (a *apigee) takesNoLifetime(operation string) {
	for _, key := range []string{"ExpiresIn", "RefreshTokenExpiresIn"} {
		if e := a.root.child(key); e != nil {
			a.fault(e, fmt.Sprintf("%s is not for %s: it is refused when it is deployed", key, operation), "remove it")
		}
	}
	if list := a.root.child("SupportedGrantTypes"); list != nil && list.child("GrantType") != nil {
		a.fault(list.child("GrantType"), "Grant types are not for "+operation+": they are refused when it is deployed", "<SupportedGrantTypes/>")
	}
}

// namesToken finds an operation on a token that says not on which.
func (a *apigee) namesToken(operation string) {
	if list := a.root.child("Tokens"); list == nil || list.child("Token") == nil {
		a.fault(a.root.child("Operation"), operation+" names no token: it is refused when it is deployed", `<Tokens><Token type="accesstoken" cascade="true">request.formparam.token</Token></Tokens>`)
	}
}

// tokenIn reads from where tokens are taken, out of the first of some elements that takes one from the address, or else of the first.
func (a *apigee) tokenIn(keys ...string) {
	var first *Fact
	elements := a.root.children
	if list := a.root.child("Tokens"); list != nil {
		elements = slices.Concat(elements, list.children)
	}
	for _, e := range elements {
		if !slices.Contains(keys, e.name) {
			continue
		}
		where := tokenPlace(string(e.value))
		if where == "" || first != nil && where != "query" {
			continue
		}
		first = &Fact{Name: TokenIn, Words: []string{where}}
		first.At, first.Raw = a.place(e)
		if where == "query" {
			break
		}
	}
	if first != nil {
		a.fact(*first)
	}
}

// tokenPlace is where a flow variable of the request stands; "" for any other variable.
func tokenPlace(variable string) string {
	_, rest, _ := strings.Cut(variable, ".")
	switch {
	case !fromRequest(variable):
		return ""
	case strings.HasPrefix(rest, "queryparam."), rest == "querystring", rest == "uri", rest == "path":
		return "query"
	case strings.HasPrefix(rest, "header."):
		return "header"
	case strings.HasPrefix(rest, "formparam."), strings.HasPrefix(rest, "content"):
		return "body"
	}
	return ""
}
