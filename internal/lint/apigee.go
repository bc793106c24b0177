package lint

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// apigeeReaders are those of Apigee's policies, on Apigee X, hybrid, Edge and in SAP API Management, which is the same engine under a namespace.
func apigeeReaders() []Reader {
	return []Reader{{Format: "apigee", Is: isApigee, Read: readApigee}}
}

// isApigeePolicy says whether an element is a policy about tokens. Prefixes and namespaces do not count: SAP has one, Apigee has none.
func isApigeePolicy(name string) bool {
	switch name {
	case "OAuthV2", "RevokeOAuthV2", "DeleteOAuthV2Info", "GenerateJWT", "VerifyJWT", "DecodeJWT":
		return true
	}
	return false
}

// isApigee looks for the first element, past declarations and comments.
func isApigee(s *Source) bool {
	text := s.Text
	for {
		text = bytes.TrimLeft(text, " \t\r\n")
		end := ">"
		switch {
		case bytes.HasPrefix(text, []byte("<?")):
			end = "?>"
		case bytes.HasPrefix(text, []byte("<!--")):
			end = "-->"
		case bytes.HasPrefix(text, []byte("<!")):
			if i := bytes.IndexAny(text, "[>"); i >= 0 && text[i] == '[' {
				end = "]>"
			}
		case bytes.HasPrefix(text, []byte("<")):
			return isApigeePolicy(firstName(text[1:]))
		default:
			return false
		}
		i := bytes.Index(text, []byte(end))
		if i < 0 {
			return false
		}
		text = text[i+len(end):]
	}
}

// firstName is the local name that a tag begins with.
func firstName(tag []byte) string {
	tag = tag[:min(len(tag), 200)]
	if i := bytes.IndexAny(tag, " \t\r\n/>"); i >= 0 {
		tag = tag[:i]
	}
	return string(tag[bytes.IndexByte(tag, ':')+1:])
}

// readApigee reads one policy, or several that stand in one text.
func readApigee(s *Source) ([]Policy, error) {
	if err := decodeXML(s); err != nil {
		return nil, err
	}
	roots, err := parseXML(s.Text, isApigeePolicy)
	if err != nil || len(roots) == 0 {
		return nil, err
	}
	l := newLines(s.Text)
	policies := make([]Policy, 0, len(roots))
	a := apigee{text: s.Text, lines: l}
	for _, root := range roots {
		a.root = root
		a.policy = Policy{Product: Apigee, Name: apigeeName(s, root), Source: s, At: a.span(root.start, root.tag), Disabled: strings.EqualFold(root.enabled, "false")}
		a.read()
		policies = append(policies, a.policy)
	}
	return policies, nil
}

// apigeeName is the policy's name; SAP gives it by the file alone.
func apigeeName(s *Source, root *xmlElement) string {
	if name := root.called; name != "" {
		return name
	}
	if s.Name == "-" {
		return root.name
	}
	return strings.TrimSuffix(path.Base(s.Name), ".xml")
}

// decodeXML turns a text into UTF-8 that declares another encoding, in its place.
func decodeXML(s *Source) error {
	label := strings.ToLower(declaredEncoding(s.Text))
	switch {
	case label == "", label == "utf-8", label == "utf8":
		return nil
	case strings.HasPrefix(label, "utf-16"), strings.HasPrefix(label, "utf-32"), strings.Contains(label, "ucs-"):
		if utf8.Valid(s.Text) { // its byte order mark has told, and it is decoded
			return nil
		}
	}
	e := encodingOf(label)
	if e == nil {
		return &Unreadable{At: newLines(s.Text[:min(len(s.Text), 200)]).span(0, 0), Problem: fmt.Sprintf("declares the encoding %q, which is not known: save it as UTF-8", label)}
	}
	text, err := e.NewDecoder().Bytes(s.Text)
	if err == nil && len(text) > MaxFile {
		err = errTooLarge
	}
	if err != nil {
		return &Unreadable{At: Span{Line: 1, Column: 1}, Problem: fmt.Sprintf("is not the %q that it declares: %v", label, err)}
	}
	s.Text = text
	return nil
}

// encodingOf finds an encoding by its name; nil for an unknown one.
func encodingOf(label string) encoding.Encoding {
	if e, err := htmlindex.Get(label); err == nil {
		if name, err := htmlindex.Name(e); err != nil || name == "replacement" { // decodes everything to nothing
			return nil
		}
		return e
	}
	e, err := ianaindex.IANA.Encoding(label)
	if err != nil {
		return nil
	}
	return e
}

// declaredEncoding is what <?xml encoding="..."?> says; "" for nothing.
func declaredEncoding(text []byte) string {
	if !bytes.HasPrefix(text, []byte("<?xml")) {
		return ""
	}
	declaration, _, _ := bytes.Cut(text[:min(len(text), 200)], []byte("?>"))
	_, value, _ := bytes.Cut(declaration, []byte("encoding"))
	value = bytes.TrimLeft(value, " \t\r\n=")
	if len(value) == 0 || value[0] != '"' && value[0] != '\'' {
		return ""
	}
	label, _, _ := bytes.Cut(value[1:], value[:1])
	return string(label)
}
