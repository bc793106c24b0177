package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
)

// Demo is the seeds' applications beside the real server.
type Demo struct {
	Kept bool // the data folder outlives the process
}

// DemoConfig is c as the demo runs it: every flow of the seeds works as printed, on one loopback port.
func DemoConfig(c config.Config) config.Config {
	c.API.Prefixes = []string{"/api/auth", "/"}
	c.API.Registration = "open"
	c.Admin.Addr = ""
	c.Cookie.Access = "jwt"                                                                         // as seed 001 names it
	c.Realtime.Enabled, c.Realtime.InsecureQueryToken, c.Realtime.DefaultChannel = true, true, "hq" // its two clients connect as printed
	c.Realtime.Clearances = []config.Clearance{{Role: "field-operative", Level: 1}, {Role: "manager", Level: 2}, {Role: account.AdminRole, Level: 3}}
	c.Realtime.Channels = []config.Channel{
		{Name: "hq", Presence: true},
		{Name: "missions/*", SubscribeRoles: []string{"field-operative", "manager", account.AdminRole}, PublishLevel: 1, Presence: true},
		{Name: "orders", SubscribeLevel: 1, PublishLevel: 3},
	}
	return c
}

// demoAccounts are the people of the seeds. Their passwords are printed in public, which is why they exist
// nowhere but in the demo.
var demoAccounts = []struct {
	username, password string
	roles              []string
}{
	{"user1", "password1", nil},
	{"user2", "password2", nil},
	{"test", "test", nil},
	{"AgentX", "TopSecret123", []string{"field-operative"}},
}

// welcome prepares what a first start needs and tells the operator of it: the demo's accounts and its lines to
// paste, or the secret that makes the first administrator. It goes to stdout and never to the log.
func (s *Server) welcome(ctx context.Context, stdout io.Writer) error {
	if s.demo != nil {
		return s.welcomeDemo(ctx, stdout)
	}
	has, err := s.accounts.HasAdmin(ctx)
	if err != nil || has {
		return err
	}
	secret, expires, err := s.accounts.NewBootstrap(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, `There is no administrator yet. This secret makes the first one, once, until %s:

curl -X POST %s%s/bootstrap -H 'Content-Type: application/json' -d @- <<'END'
{"secret": "%s", "username": "admin", "password": "CHOOSE ONE"}
END

`, expires.Format(time.TimeOnly+" MST"), s.cfg.Issuer, s.cfg.API.Prefixes[0], secret)
	return err
}

func (s *Server) welcomeDemo(ctx context.Context, stdout io.Writer) error {
	if err := s.db.MigrateDemo(ctx); err != nil {
		return err
	}
	for _, a := range demoAccounts {
		if _, err := s.addDemoAccount(ctx, a.username, a.password, a.roles); err != nil {
			return err
		}
	}
	password := rand.Text()
	made, err := s.addDemoAccount(ctx, "admin", password, []string{account.AdminRole, "manager"})
	if err != nil {
		return err
	}
	if !made {
		password = "(printed at the first start with this folder)"
	}
	return s.printDemo(stdout, password)
}

// addDemoAccount says whether it made the account; one that is there from an earlier start is left as it is.
func (s *Server) addDemoAccount(ctx context.Context, username, password string, roles []string) (bool, error) {
	if _, err := s.accounts.User(ctx, strings.ToLower(username)); err == nil {
		return false, nil
	}
	_, err := s.accounts.Add(ctx, account.NewUser{
		Username: username, Password: password, Roles: roles, InsecureSkipPolicy: true,
	}, audit.From{Actor: "demo"})
	return err == nil, err
}

func (s *Server) printDemo(w io.Writer, adminPassword string) error {
	life := s.cfg.Lifetimes()
	kept := "in a temporary folder, gone when the demo stops (--dir keeps it)"
	if s.demo.Kept {
		kept = "kept in " + s.cfg.Data
	}
	rotation := "each refresh replaces the refresh token"
	if !life.Rotate {
		rotation = "INSECURE: a refresh token is never replaced (profile " + s.cfg.Token.Profile + ")"
	}
	_, err := fmt.Fprintf(w, demoText, s.cfg.Issuer, kept, config.FormatDuration(life.Access), config.FormatDuration(life.Absolute), rotation, adminPassword, strings.TrimPrefix(s.cfg.Issuer, "http"))
	return err
}

const demoText = `Sandi demo on %[1]s
  data      %[2]s
  tokens    access %[3]s, session %[4]s; %[5]s
  accounts  user1/password1  user2/password2  test/test
            AgentX/TopSecret123 (role field-operative)
            admin/%[6]s (roles admin, manager)

Log in, and keep the tokens:
  TOKENS=$(curl -s -X POST %[1]s/login -H "Content-Type: application/json" \
    -d '{"username": "user1", "password": "password1"}'); echo "$TOKENS"
  field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" <<<"$TOKENS"; }
  ACCESS=$(field access_token); REFRESH=$(field refresh_token)
Call what is protected, by header, form or query:
  curl -s %[1]s/protected -H "Authorization: Bearer $ACCESS"
  curl -s %[1]s/protected -d "access_token=$ACCESS"
  curl -s "%[1]s/protected?access_token=$ACCESS"
  curl -s %[1]s/products -H "Authorization: Bearer $ACCESS"
  curl -s %[1]s/optional
Order, which needs a login of the last minutes:
  curl -s %[1]s/orders -H "Authorization: Bearer $ACCESS" -H "Content-Type: application/json" -d '{"product": 1, "quantity": 2}'
Refresh, and keep the new tokens; an order is now refused:
  TOKENS=$(curl -s -X POST %[1]s/refresh -H "Authorization: Bearer $REFRESH"); echo "$TOKENS"
  ACCESS=$(field access_token); REFRESH=$(field refresh_token)
  curl -s %[1]s/orders -H "Authorization: Bearer $ACCESS" -H "Content-Type: application/json" -d '{"product": 1, "quantity": 2}'
Register, and see the account and its sessions:
  curl -s -X POST %[1]s/register -H "Content-Type: application/json" \
    -d '{"username": "siti", "password": "kopi tubruk pagi hari"}'
  curl -s %[1]s/account -H "Authorization: Bearer $ACCESS"
  curl -s %[1]s/account/sessions -H "Authorization: Bearer $ACCESS"
Talk in channels: in a browser at %[1]s/missions-page, or in other terminals, by
"bin/sandi agent connect ws%[7]s/missions --username AgentX --channel missions/night".
Log in with cookies, call, and refresh and log out with the CSRF value:
  JAR=$(mktemp)
  curl -s -c $JAR "%[1]s/login?transport=cookie" -H "Content-Type: application/json" -d '{"username": "test", "password": "test"}'
  curl -s -b $JAR %[1]s/protected
  CSRF=$(awk '/sandi_csrf/ {print $7}' $JAR)
  curl -s -b $JAR -c $JAR -X POST %[1]s/refresh -H "X-CSRF-TOKEN: $CSRF"
  curl -s -b $JAR -c $JAR -X POST %[1]s/logout -H "X-CSRF-TOKEN: $CSRF"
Log out; the token is refused from then on:
  curl -s -X DELETE %[1]s/logout -H "Authorization: Bearer $ACCESS"
  curl -s %[1]s/protected -H "Authorization: Bearer $ACCESS"
`
