package lint_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/lint"
)

// expiresIn is a number of seconds, or a text of the package ms: without a unit it counts milliseconds, and a year has 365.25 days.
func TestJavaScriptLifetimes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]struct {
		state lint.State
		value time.Duration
		write string // of 30 minutes
	}{
		`3600`:                               {lint.Literal, time.Hour, "1800"},
		`60 * 60 * 24`:                       {lint.Literal, day, "1800"},
		`1e3`:                                {lint.Literal, 1000 * time.Second, "1800"},
		`"1h"`:                               {lint.Literal, time.Hour, `"30m"`},
		`'7d'`:                               {lint.Literal, 7 * day, `'30m'`},
		"`2 days`":                           {lint.Literal, 2 * day, "`30m`"},
		`"1.5 hrs"`:                          {lint.Literal, 90 * time.Minute, `"30m"`},
		`"1y"`:                               {lint.Literal, 8766 * time.Hour, `"30m"`},
		`"2 weeks"`:                          {lint.Literal, 14 * day, `"30m"`},
		`"120"`:                              {lint.Literal, 120 * time.Millisecond, `"30m"`},
		`TTL`:                                {lint.Literal, 20 * time.Minute, ""},
		`config.ttl`:                         {lint.Literal, 2 * time.Hour, ""},
		`process.env.TTL || "1h"`:            {lint.Dynamic, time.Hour, ""},
		`process.env.TTL ?? '2h'`:            {lint.Dynamic, 2 * time.Hour, ""},
		`Number(process.env.TTL) || 900`:     {lint.Dynamic, 15 * time.Minute, ""},
		`process.env.TTL`:                    {lint.Dynamic, 0, ""},
		"`${n}h`":                            {lint.Dynamic, 0, ""},
		`remember ? "30d" : "1d"`:            {lint.Dynamic, 30 * day, ""},
		`configService.get("TTL", "10m")`:    {lint.Dynamic, 10 * time.Minute, ""},
		`undefined`:                          {lint.Wrong, 0, "1800"},
		`"soon"`:                             {lint.Wrong, 0, `"30m"`},
		`1.5`:                                {lint.Wrong, 0, "1800"},
		`"10m" /* it's "not" a string ' */`:  {lint.Literal, 10 * time.Minute, `"30m"`},
		`Math.min(Number(req.query.t), 600)`: {lint.Dynamic, 10 * time.Minute, ""},
		`ms("2h") / 1000`:                    {lint.Literal, 2 * time.Hour, ""},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			program := "#!/usr/bin/env node\nconst tokens = require('jsonwebtoken');\nconst TTL = 20 * 60, config = { ttl: '2h' };\nconst quote = /[\"'`]/g, half = TTL / 2 / 1;\n" +
				"// tokens.sign({}, k, { expiresIn: '9y' })\nconst page = `<a title=\"${tokens ? `x${'}'}` : ''}\">`;\n" +
				"exports.login = async (req, res) => { if (req.ok) { return res.json({ token: tokens.sign({ sub: 1 }, process.env.KEY, { issuer: 'a', expiresIn: " + text + " }) }); } };\n"
			l := onlyLifetime(t, "javascript", "auth.js", program, lint.Access)
			write := ""
			if l.Write != nil {
				write = l.Write(30 * time.Minute)
			}
			if l.State != want.state || l.Value != want.value || write != want.write {
				t.Errorf("state %d, %s, writes %q; want %d, %s, %q", l.State, l.Value, write, want.state, want.value, want.write)
			}
			if got := program[l.At.Start:l.At.End]; got != l.Raw {
				t.Errorf("stands at %q, raw %q", got, l.Raw)
			}
		})
	}
}

// Calls are found however the library was imported, and in TypeScript as people write it.
func TestJavaScriptImports(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"require":     `const j = require("jsonwebtoken"); j.sign({}, k, { expiresIn: "1h" });`,
		"member":      `const mint = require("jsonwebtoken").sign; mint({}, k, { expiresIn: "1h" });`,
		"inline":      `require("jsonwebtoken").sign({}, k, { expiresIn: "1h" });`,
		"taken apart": `const { sign: mint, verify } = require("jsonwebtoken"); mint({}, k, { expiresIn: "1h" });`,
		"default":     `import j, { type JwtPayload } from "jsonwebtoken"; j.sign({}, k, { expiresIn: "1h" });`,
		"star":        `import * as j from "jsonwebtoken"; j.sign({}, k, { expiresIn: "1h" });`,
		"named":       `import { verify, sign as mint } from 'jsonwebtoken'; mint({}, k, { expiresIn: "1h" });`,
		"assigned":    `import j = require("jsonwebtoken"); j.sign({}, k, { expiresIn: "1h" });`,
		"promisified": `import { sign } from "jsonwebtoken"; const mint = util.promisify(sign); await mint({}, k, { expiresIn: "1h" });`,
		"options":     `import j from "jsonwebtoken"; const o: j.SignOptions = { expiresIn: "1h" as const }; j.sign({}, k, o);`,
		"asserted":    `import j from "jsonwebtoken"; j.sign(<any>{}, <Key>k, { expiresIn: <any>"1h" });`,
		"generic":     `import { JwtService } from "@nestjs/jwt"; class A<T extends B<C>> { constructor(private readonly jwt: JwtService) {} @Post() async login(@Body() dto: Dto): Promise<Map<string, T[]>> { return this.jwt.signAsync<Claims>({ sub: dto!.id as string }, { expiresIn: "1h" satisfies string }); } }`,
		"field":       `import j from "jsonwebtoken"; class A { private readonly ttl: string = "1h"; static make = (x: X | null): string => j.sign({ x }, k, { expiresIn: ttl }); }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if l := onlyLifetime(t, "javascript", "a.ts", text, lint.Access); l.State != lint.Literal || l.Value != time.Hour {
				t.Errorf("state %d, %s", l.State, l.Value)
			}
		})
	}
}

// What no program can be is told with its place, in bounded time.
func TestJavaScriptHostile(t *testing.T) {
	t.Parallel()
	const head = "import jwt from 'jsonwebtoken';\n"
	for name, test := range map[string]struct{ text, problem string }{
		"open string":   {head + "x = 'abc\n", "never closed"},
		"open comment":  {head + "/* abc", "never closed"},
		"open template": {head + "`abc ${1}", "never closed"},
		"open bracket":  {head + "f(1, {", "never closed"},
		"crossed":       {head + "f(1]", "closes nothing"},
		"deep":          {head + strings.Repeat("f(", 5000) + strings.Repeat(")", 5000), "deeper than 200"},
		"blocks":        {head + strings.Repeat("{", 5000) + strings.Repeat("}", 5000), "deeper than 200"},
		"not":           {head + strings.Repeat("!", 100_000) + "1", "deeper than 200"},
		"arrows":        {head + strings.Repeat("a=>", 100_000) + "1", "deeper than 200"},
		"choices":       {head + strings.Repeat("a?b:", 100_000) + "1", "deeper than 200"},
		"templates":     {head + strings.Repeat("`${", 3000) + strings.Repeat("}`", 3000), "deeper than 200"},
		"large":         {head + strings.Repeat(" ", 5<<20), "larger than 4 MB"},
		"types":         {head + strings.Repeat("a<b<c<", 50_000), ""},
		"assertions":    {head + strings.Repeat("<a>", 100_000) + "1", "deeper than 200"},
		"members":       {head + "a" + strings.Repeat(".b()", 100_000), ""},
		"doubling":      {head + doubling("const %s = %s + %s;\n", 60) + "jwt.sign({}, k, { expiresIn: a0 });\n", ""},
		"itself":        {head + "const a = { ttl: a.ttl }, p = p, q = r; const r = q; jwt.sign(p, k, { expiresIn: a.ttl }); jwt.sign(q, k); jwt.sign(r, r);\n", ""},
		"member":        {head + doubling("const %s = { t: %s.t + %s.t };\n", 60) + "jwt.sign({}, k, { expiresIn: a0.t });\n", ""},
		"signs":         {head + strings.Repeat("\u20ac", 1<<20), "too many signs"},
		"decorators":    {head + strings.Repeat("@", 1<<20) + "A() class B {}\n", ""},
		"conditions":    {head + strings.Repeat("if (a) /'/.test(b); else while (a[0]()) /\"/g.exec(b); c.if(1) / 2 / 3;\n", 10_000), ""},
		"markup":        {head + "const page = <p title='a'>It's</p>;\n", ""},
		"functions":     {head + "import io from 'socket.io';\n" + strings.Repeat("function a(){b()} function b(){a()} io.use(a);\n", 2000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policiesOf(t, "javascript", "a.ts", test.text)
			unreadable := (*lint.Unreadable)(nil)
			switch {
			case test.problem == "" && err != nil:
				t.Errorf("got %v", err)
			case test.problem != "" && (!errors.As(err, &unreadable) || !strings.Contains(err.Error(), test.problem) || unreadable.At.Line < 1):
				t.Errorf("got %v, want *Unreadable: %s", err, test.problem)
			}
		})
	}
}

func FuzzJavaScript(f *testing.F) {
	for _, seed := range []string{
		"const jwt = require('jsonwebtoken'); jwt.sign({exp: Date.now() / 1000 + 60}, 'k', {expiresIn: `1h`}); // 1 day",
		"import {sign as s} from 'jsonwebtoken'; export const f = async <T>(a: A<B>, {b, c: [d]} = {}): Promise<T> => s(a!, x?.y as string, {...o, get z() {return 1}})",
		"const io = require('socket.io')(s); io.use((socket, next) => { jwt.verify(socket.handshake.query.token, `a${b}`) }); res.cookie('token', t, {maxAge: 1e9})",
		"@Module({imports: [JwtModule.registerAsync({useFactory: (c) => ({secret: 'x', signOptions: {expiresIn: '1d'}})})]}) class A {} /re[/]x/.test(a) / 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { fuzzed(t, "javascript", "a.ts", text) })
}
