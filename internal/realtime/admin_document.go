package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// ChannelDocument is a channel as the management API and the command line show and take it: durations are texts such as "5m".
type ChannelDocument struct {
	plainChannel
	KeepFor    string `json:"keep_for,omitempty"`
	Configured bool   `json:"configured"` // it stands in the configuration, and is changed there; not taken
}

// DocumentOf shows a channel.
func DocumentOf(c Channel, configured bool) ChannelDocument {
	d := ChannelDocument{plainChannel: plainChannel(c), Configured: configured}
	if c.KeepFor != 0 {
		d.KeepFor = c.KeepFor.String()
	}
	return d
}

// Documents shows the channels of the configuration, and those of the store that it does not have, by name.
func Documents(configured, stored []Channel) []ChannelDocument {
	list := []ChannelDocument{}
	for _, c := range configured {
		list = append(list, DocumentOf(c, true))
	}
	for _, c := range stored {
		if !hasChannel(configured, c.Name) {
			list = append(list, DocumentOf(c, false))
		}
	}
	slices.SortFunc(list, func(x, y ChannelDocument) int { return strings.Compare(x.Name, y.Name) })
	return list
}

func hasChannel(list []Channel, name string) bool {
	return slices.ContainsFunc(list, func(c Channel) bool { return c.Name == name })
}

// ParseChannel reads a document and checks the channel; its name is the one given, and the document may leave it out. A member that is
// not known is an error, which names it: a requirement that is spelt wrong would let everybody in.
func ParseChannel(name string, document []byte) (Channel, error) {
	var d ChannelDocument
	if err := readStrict(document, &d); err != nil {
		return Channel{}, err
	}
	if d.Name != "" && d.Name != name {
		return Channel{}, fmt.Errorf("name is %q, and the channel is %q", d.Name, name)
	}
	c := Channel(d.plainChannel)
	c.Name = name
	if d.KeepFor != "" {
		var err error
		if c.KeepFor, err = time.ParseDuration(d.KeepFor); err != nil {
			return Channel{}, fmt.Errorf(`keep_for %q is not a duration: write "5m" or "90s"`, d.KeepFor)
		}
	}
	return c, c.Validate()
}

var (
	errNoObject       = errors.New("want a JSON object")
	errMoreThanObject = errors.New("there is more behind the JSON object")
)

// readStrict reads one JSON object that has no member which v has not.
func readStrict(body []byte, v any) error {
	if body = bytes.TrimLeft(body, " \t\r\n"); !bytes.HasPrefix(body, []byte("{")) { // null would be one without members
		return errNoObject
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errMoreThanObject
	}
	return nil
}
