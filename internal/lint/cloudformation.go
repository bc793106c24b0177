package lint

import (
	"slices"
	"strings"
	"time"
)

const cognitoClient = "AWS::Cognito::UserPoolClient"

// isCloudFormation knows templates of AWS with an app client of Cognito.
func isCloudFormation(s *Source) bool { return structured(s) && holds(s, cognitoClient) }

func readCloudFormation(s *Source) ([]Policy, error) {
	d, err := parseTree(s, goSpelling())
	if err != nil {
		return nil, err
	}
	var all []Policy
	for _, root := range d.roots {
		d.refers = root.intrinsic
		resources := root.at("Resources")
		if resources == nil {
			continue
		}
		for _, k := range resources.keys {
			if k.value.at("Type").string() == cognitoClient {
				all = append(all, d.cognito(k))
			}
		}
	}
	return all, nil
}

// intrinsic knows !Ref, {"Ref": ...}, !Sub and all the other functions of a template t. The default of a parameter is what holds where nothing is said.
func (t *tree) intrinsic(value *tree) (ref, fallback string, ok bool) {
	name := ""
	switch {
	case value.tag == "!Ref":
		name = value.text
	case value.tag != "":
		return value.tag, "", true
	case value.shape != mapping || len(value.keys) != 1:
		return "", "", strings.HasPrefix(value.string(), "{{resolve:")
	case value.keys[0].name == "Ref":
		name = value.at("Ref").string()
	case strings.HasPrefix(value.keys[0].name, "Fn::"):
		return value.keys[0].name, "", true
	default:
		return "", "", false
	}
	return "parameter " + name, t.at("Parameters", name, "Default").string(), true
}

// cognito reads an app client.
func (d *document) cognito(k treeKey) Policy {
	t := k.value.at("Properties")
	place := &tree{shape: scalar, start: k.start, end: k.end}
	p := Policy{Product: Cognito, Name: "client " + k.name, At: d.span(place, nil)}
	switch secret := t.at("GenerateSecret"); {
	case secret.yes():
		p.Client = ConfidentialClient
	case secret == nil || off(secret):
		p.Client = PublicClient
	}
	units := t.at("TokenValidityUnits")
	for _, s := range []setting{
		{kind: Access, key: "AccessToken", unit: time.Hour, usual: time.Hour, min: 5 * time.Minute, max: day},
		{kind: IDToken, key: "IdToken", unit: time.Hour, usual: time.Hour, min: 5 * time.Minute, max: day},
		{kind: Refresh, key: "RefreshToken", unit: day, usual: 30 * day, min: time.Hour, max: 3650 * day},
	} {
		unit := units.at(s.key)
		s.key += "Validity"
		p.Lifetimes = append(p.Lifetimes, d.validity(s, t.at(s.key), unit, place))
	}
	d.cognitoRefresh(&p, t, place)
	d.flows(&p, t, place)
	revocation := t.at("EnableTokenRevocation")
	f := d.fact(Revocation, revocation, place, "true")
	f.Bool = !off(revocation)
	p.Facts = append(p.Facts, f)
	p.Facts = append(p.Facts, d.misspelt(t, cognitoKeys()...)...)
	p.Facts = append(p.Facts, d.misspelt(units, "AccessToken", "IdToken", "RefreshToken")...)
	p.Facts = append(p.Facts, d.misspelt(t.at("RefreshTokenRotation"), "Feature", "RetryGracePeriodSeconds")...)
	return p
}

// validity reads a number whose unit stands elsewhere: by default hours, of a refresh token days.
func (d *document) validity(s setting, t, unit, place *tree) Lifetime {
	known := true
	if unit != nil {
		s.unit, known = map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute, "hours": time.Hour, "days": day}[unit.string()]
	}
	if t == nil || known {
		return d.lifetime(s, t, place)
	}
	l := Lifetime{Kind: s.kind, Key: s.key, At: d.span(t, nil), Raw: d.raw(t), State: Dynamic}
	if ref, _, ok := d.dynamic(unit); ok {
		l.Ref = ref
		return l
	}
	l.State, l.Problem, l.At, l.Raw = Wrong, "has a unit that is none of seconds, minutes, hours and days", d.span(unit, nil), d.raw(unit)
	return l
}

// cognitoRefresh reads rotation, which is off by default.
func (d *document) cognitoRefresh(p *Policy, t, place *tree) {
	rotation := t.at("RefreshTokenRotation")
	feature := rotation.at("Feature")
	if rotation != nil && feature.string() != "ENABLED" && feature.string() != "DISABLED" {
		return // it is not known
	}
	f := d.fact(Rotation, feature, place, "ENABLED")
	f.Bool = feature.string() == "ENABLED"
	p.Facts = append(p.Facts, f)
	grace := rotation.at("RetryGracePeriodSeconds")
	if f.Bool && grace != nil {
		p.Lifetimes = append(p.Lifetimes, d.lifetime(setting{kind: ReuseWindow, key: "RetryGracePeriodSeconds", unit: time.Second, max: time.Minute, zero: zeroLength}, grace, place))
	}
}

// flows adds the grant types: those of OAuth, and of the product's own sign-in with a password, which is the password grant by another name.
func (d *document) flows(p *Policy, t, place *tree) {
	oauth, own := t.at("AllowedOAuthFlows"), t.at("ExplicitAuthFlows")
	if off(t.at("AllowedOAuthFlowsUserPoolClient")) {
		oauth = nil
	}
	if oauth != nil && !oauth.fixed() || own != nil && !own.fixed() {
		return
	}
	words, at := []string{}, place
	for _, item := range append(slices.Clone(oauth.list()), own.list()...) {
		switch flow := item.string(); flow {
		case "code":
			words = append(words, "authorization_code")
		case "implicit":
			words, at = append(words, flow), item
		case "ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH":
			words, at = append(words, "password"), item
		case "ALLOW_REFRESH_TOKEN_AUTH":
			words = append(words, "refresh_token")
		default:
			words = append(words, strings.ToLower(flow))
		}
	}
	if own == nil && !slices.Equal(words, []string{"client_credentials"}) { // the default is its own sign-in without passwords
		words = append(words, "refresh_token", "allow_user_srp_auth", "allow_custom_auth")
	}
	f := d.fact(GrantTypes, at, nil, "")
	f.Words = words
	p.Facts = append(p.Facts, f)
}

// list are the items of a sequence, or one scalar alone.
func (t *tree) list() []*tree {
	if t != nil && t.shape == scalar {
		return []*tree{t}
	}
	if t == nil {
		return nil
	}
	return t.items
}

func cognitoKeys() []string {
	return []string{
		"AccessTokenValidity", "AllowedOAuthFlows", "AllowedOAuthFlowsUserPoolClient", "AllowedOAuthScopes", "AnalyticsConfiguration", "AuthSessionValidity",
		"CallbackURLs", "ClientName", "ClientSecret", "DefaultRedirectURI", "EnablePropagateAdditionalUserContextData", "EnableTokenRevocation", "ExplicitAuthFlows",
		"GenerateSecret", "IdTokenValidity", "LogoutURLs", "PreventUserExistenceErrors", "ReadAttributes", "RefreshTokenRotation", "RefreshTokenValidity",
		"SupportedIdentityProviders", "TokenValidityUnits", "UserPoolId", "WriteAttributes",
	}
}
