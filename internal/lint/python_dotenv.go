package lint

import (
	"strconv"
	"strings"
	"time"
)

// readDotenv reads the lines of an environment that set Flask-JWT-Extended, with or without the prefix of Config.from_prefixed_env.
func readDotenv(s *Source) ([]Policy, error) {
	c, err := newCode(s)
	if err != nil {
		return nil, err
	}
	p := Policy{Product: FlaskJWT, Name: "environment", Source: s, At: c.lines.span(0, 0)}
	start := 0
	for line := range strings.Lines(c.text) {
		c.envLine(&p, strings.TrimRight(line, "\r\n"), start)
		start += len(line)
	}
	c.add(p)
	return c.policies, nil
}

// envLine reads KEY=value, with quotes, and a comment behind it.
func (c *code) envLine(p *Policy, line string, start int) {
	key, rest, ok := strings.Cut(line, "=")
	key = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(key), "export "))
	key = strings.TrimPrefix(key, "FLASK_")
	if !ok || !strings.HasPrefix(key, "JWT_") {
		return
	}
	v := strings.TrimLeft(rest, " \t")
	start += len(line) - len(v)
	comment := ""
	if v != "" && (v[0] == '"' || v[0] == '\'') {
		if end := strings.IndexByte(v[1:], v[0]); end >= 0 {
			_, comment, _ = strings.Cut(v[end+2:], "#")
			v = v[1 : end+1]
			start++
		}
	} else if before, after, ok := strings.Cut(v, " #"); ok {
		v, comment = before, after
	}
	v = strings.TrimRight(v, " \t")
	at := c.lines.span(start, start+len(v))
	switch key {
	case "JWT_ACCESS_TOKEN_EXPIRES":
		p.Lifetimes = append(p.Lifetimes, envLifetime(Access, key, v, strings.TrimSpace(comment), at))
	case "JWT_REFRESH_TOKEN_EXPIRES":
		p.Lifetimes = append(p.Lifetimes, envLifetime(Refresh, key, v, strings.TrimSpace(comment), at))
	case "JWT_SECRET_KEY":
		if v != "" && !strings.Contains(v, "${") && !strings.HasPrefix(v, "<") {
			p.Facts = append(p.Facts, Fact{Name: Secret, Text: v, At: at})
		}
	case "JWT_ALGORITHM":
		p.Facts = append(p.Facts, Fact{Name: Algorithms, Words: []string{v}, At: at, Raw: v})
	}
}

func envLifetime(kind Kind, key, v, comment string, at Span) Lifetime {
	l := Lifetime{Kind: kind, Key: key, State: Dynamic, Ref: v, Raw: v, At: at, Comment: comment, Unit: time.Second}
	if strings.EqualFold(v, "false") {
		l.State = Never
	} else if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		l.State, l.Number, l.Value = Literal, n, ofSeconds(float64(n))
		if n <= 0 {
			l.State, l.Problem = Wrong, "is no time at all: every token has expired when it is made"
		}
	} else if v != "" && !strings.Contains(v, "$") {
		l.State, l.Problem = Wrong, "is no number of seconds"
	}
	l.Write = func(d time.Duration) string { return countOf(d, time.Second) }
	return l
}

// countOf is how many of a unit a duration is.
func countOf(d, unit time.Duration) string { return strconv.FormatInt(int64(d/unit), 10) }
