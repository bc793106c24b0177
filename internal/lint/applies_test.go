package lint_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/lint"
)

// applies are the rules that a product's configuration can break, one row a product: each rule of a row needs at least two fixtures that break
// it and two that do not.
func applies() map[lint.Product]string {
	return map[lint.Product]string{
		lint.Apigee:    "SND101 SND102 SND103 SND104 SND105 SND106 SND107 SND111 SND112 SND113 SND114 SND117 SND201 SND202 SND203 SND205 SND206 SND208 SND301 SND302 SND303 SND304 SND305 SND401 SND501 SND503 SND902",
		lint.Keycloak:  "SND101 SND103 SND104 SND105 SND106 SND111 SND112 SND114 SND117 SND118 SND119 SND201 SND202 SND203 SND207 SND208 SND302 SND303 SND501 SND902",
		lint.Hydra:     "SND101 SND103 SND105 SND106 SND111 SND112 SND113 SND114 SND117 SND119 SND201 SND202 SND204 SND207 SND208 SND302 SND303 SND501 SND902",
		lint.Supabase:  "SND101 SND103 SND104 SND105 SND106 SND111 SND112 SND114 SND115 SND116 SND118 SND119 SND203 SND204 SND302 SND303 SND501 SND902",
		lint.Cognito:   "SND101 SND103 SND104 SND105 SND106 SND111 SND113 SND114 SND201 SND202 SND203 SND204 SND206 SND208 SND501 SND902",
		lint.Auth0:     "SND101 SND103 SND104 SND105 SND106 SND111 SND112 SND113 SND115 SND118 SND119 SND201 SND202 SND203 SND204 SND208 SND302 SND303 SND501 SND902",
		lint.Okta:      "SND101 SND103 SND104 SND105 SND106 SND111 SND112 SND114 SND118 SND201 SND202 SND203 SND204 SND207 SND208 SND302 SND303 SND501 SND902",
		lint.FlaskJWT:  "SND101 SND102 SND103 SND104 SND105 SND106 SND107 SND111 SND112 SND113 SND114 SND206 SND301 SND302 SND303 SND304 SND305 SND401 SND402 SND403 SND501 SND902",
		lint.SimpleJWT: "SND101 SND103 SND105 SND106 SND111 SND114 SND203 SND206 SND301 SND302 SND303 SND501 SND502 SND902",
		lint.DOT:       "SND101 SND103 SND104 SND105 SND106 SND111 SND112 SND114 SND117 SND203 SND204 SND207 SND303 SND501 SND502 SND503 SND902",
		lint.PyJWT:     "SND101 SND102 SND105 SND106 SND107 SND114 SND301 SND302 SND303 SND304 SND305",
		lint.NodeJWT:   "SND101 SND102 SND104 SND105 SND106 SND107 SND111 SND114 SND301 SND302 SND303 SND304 SND305 SND401 SND402 SND403",
		lint.NestJWT:   "SND101 SND102 SND104 SND105 SND106 SND107 SND111 SND301 SND302 SND303 SND304 SND305 SND401 SND902",
		lint.SocketIO:  "SND120 SND401",
		lint.Sandi:     "SND101 SND103 SND105 SND106 SND111 SND114 SND117 SND118 SND119 SND201 SND202 SND203 SND204 SND208 SND401 SND501 SND503 SND902",
	}
}

// Every rule has two bad and two good fixtures in each product that it applies to: files SNDnnn-bad-*.txtar whose product breaks the rule, and
// SNDnnn-good-*.txtar with a policy of the product where none breaks it.
func TestCoverage(t *testing.T) {
	t.Parallel()
	type cell struct {
		rule    string
		product lint.Product
	}
	bad, good := map[cell]int{}, map[cell]int{}
	for _, f := range fixtures(t) {
		rule, kind, _ := strings.Cut(path.Base(f.path), "-")
		result := f.run(t)
		broken := slices.ContainsFunc(result.Findings, func(found lint.Finding) bool { return found.Rule == rule })
		switch {
		case strings.HasPrefix(kind, "bad-") && !broken:
			t.Errorf("%s does not break %s", f.path, rule)
		case strings.HasPrefix(kind, "good-") && broken:
			t.Errorf("%s breaks %s", f.path, rule)
		}
		products := map[lint.Product]bool{}
		for _, p := range result.All {
			products[p.Product] = true
		}
		for product := range products {
			of := func(found lint.Finding) bool { return found.Rule == rule && found.Product == product }
			switch {
			case strings.HasPrefix(kind, "bad-") && slices.ContainsFunc(result.Findings, of):
				bad[cell{rule, product}]++
			case strings.HasPrefix(kind, "good-") && !broken:
				good[cell{rule, product}]++
			}
		}
	}
	for product, rules := range applies() {
		for rule := range strings.FieldsSeq(rules) {
			if c := (cell{rule, product}); bad[c] < 2 || good[c] < 2 {
				t.Errorf("%s of %s has %d bad and %d good fixtures, not two of each", rule, product, bad[c], good[c])
			}
		}
	}
}

// Every rule about configurations applies to some product.
func TestRulesApply(t *testing.T) {
	t.Parallel()
	all := map[string]bool{}
	for _, rules := range applies() {
		for rule := range strings.FieldsSeq(rules) {
			all[rule] = true
		}
	}
	for _, rule := range lint.Rules() {
		if (rule.Check != nil || rule.CheckBundle != nil) && !all[rule.ID] {
			t.Errorf("%s %s applies to no product", rule.ID, rule.Name)
		}
		delete(all, rule.ID)
	}
	for rule := range all {
		t.Errorf("there is no rule %s", rule)
	}
}
