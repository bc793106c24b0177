package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// claimSet is what is to be signed, by name.
type claimSet map[string]json.RawMessage

// setDefault sets a claim that is not there yet.
func (c claimSet) setDefault(name string, value any) error {
	if _, named := c[name]; named {
		return nil
	}
	return c.set(name, value)
}

func (c claimSet) set(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("claim %s: %w", name, err)
	}
	return c.add(name, text)
}

var errTwice = errors.New("a claim is named twice")

// add adds a claim, once.
func (c claimSet) add(name string, value json.RawMessage) error {
	if _, twice := c[name]; twice {
		return errTwice
	}
	c[name] = value
	return nil
}

// text is a claim that is text (RFC 7519 section 4.1), empty where it is not there.
func (c claimSet) text(name string) (string, error) {
	var s string
	if value, ok := c[name]; ok && json.Unmarshal(value, &s) != nil {
		return "", usage("such as --claim "+name+"=text", "the claim %s is not text", name)
	}
	return s, nil
}

// claims are those of the flags, else of the JSON object on standard input.
func (a *app) claims(ctx context.Context, flags []string) (claimSet, error) {
	claims := claimSet{}
	if len(flags) > 0 {
		for _, f := range flags {
			if err := claims.flag(f); err != nil {
				return nil, err
			}
		}
		return claims, nil
	}
	text, err := a.readAll(ctx, "", "Type the claims as a JSON object")
	if err != nil {
		return nil, err
	}
	if err := eachMember(text, claims.add); err != nil {
		return nil, usage(`such as {"sub": "siti"}, or use --claim sub=siti`, "the claims on standard input are not a JSON object: %v", err)
	}
	return claims, nil
}

// flag reads name=text or name:=json.
func (c claimSet) flag(text string) error {
	name, value, ok := strings.Cut(text, "=")
	name, raw := strings.CutSuffix(name, ":")
	var err error
	switch {
	case !ok || name == "":
		return usage("such as --claim sub=siti or --claim 'roles:=[\"manager\"]'", "--claim is not name=text or name:=json")
	case raw && !json.Valid([]byte(value)):
		return usage("such as 'roles:=[\"manager\"]'", "--claim %s: the value after := is not JSON", name)
	case raw:
		err = c.add(name, json.RawMessage(value))
	default:
		err = c.set(name, value)
	}
	if err != nil {
		return usage("", "--claim %s: %v", name, err)
	}
	return nil
}

var errObject = errors.New("not one well-formed object")

// eachMember hands the members of a JSON object to do, in their order.
func eachMember(object []byte, do func(name string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return errObject
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return errObject
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return errObject
		}
		if err := do(fmt.Sprint(name), value); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errObject
	}
	if _, err := dec.Token(); err != io.EOF {
		return errObject
	}
	return nil
}
