package realtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Neither a schema nor a message to it keeps the node busy: what would take seconds is refused, at once and in a few words. What people write
// passes.
// WS-j
func TestSchemaPrice(t *testing.T) {
	t.Parallel()
	many := func(one string, n int) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	list := func(n int, format string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return strings.Join(all, ",")
	}
	const compiled, refused, taken = "compiled", "refused", "taken"
	for name, tt := range map[string]struct{ schema, data, want string }{
		"many states":        {`{"pattern":"((a{10}){10}){60}"}`, `1`, compiled},
		"many regexes":       {`{"allOf":[` + many(`{"pattern":"\\pL{1000}"}`, 200) + `]}`, `1`, compiled},
		"regexes of names":   {`{"patternProperties":{"a{1000}b{1000}c{1000}d{1000}e{1000}":true,"f{1000}":true}}`, `1`, compiled},
		"long text":          {`{"pattern":"(.|x){0,900}y"}`, `"` + strings.Repeat("x", 60000) + `"`, refused},
		"many names":         {`{"patternProperties":{"(.|x){0,900}y":true}}`, `{` + list(6000, `"%d":1`) + `}`, refused},
		"large expression":   {`{"format":"regex"}`, `"` + strings.Repeat("a{1000}", 8000) + `"`, refused},
		"many expressions":   {`{"items":{"format":"regex"}}`, `[` + many(`"a{1000}"`, 6000) + `]`, refused},
		"enum of numbers":    {`{"items":{"enum":[` + list(10000, "%d") + `]}}`, `[` + many("9999", 12000) + `]`, refused},
		"enum of texts":      {`{"items":{"enum":[` + list(6000, `"%d"`) + `]}}`, `[` + many(`"5999"`, 8000) + `]`, refused},
		"const":              {`{"items":{"const":[` + list(10000, "%d") + `]}}`, `[` + many("[]", 12000) + `]`, refused},
		"required":           {`{"items":{"required":[` + list(8000, `"%d"`) + `]}}`, `[` + many("{}", 20000) + `]`, refused},
		"dependent":          {`{"items":{"dependentRequired":{"a":[` + list(7000, `"%d"`) + `]}}}`, `[` + many(`{"a":1}`, 7000) + `]`, refused},
		"branches":           {`{"items":{"allOf":[` + many(`{"maximum":1}`, 1900) + `]}}`, `[` + many("11", 20000) + `]`, refused},
		"fractions":          {`{"items":{"multipleOf":3e-999}}`, `[` + many("1e999", 10000) + `]`, refused},
		"unique":             {`{"items":{"uniqueItems":true,"type":"array"}}`, `[` + many("["+list(20, "%de99")+"]", 500) + `]`, refused},
		"codes":              {`{"type":"array","items":{"enum":[` + list(250, `"%d"`) + `]}}`, `[` + many(`"249"`, 2000) + `]`, taken},
		"prices":             {`{"items":{"type":"number","minimum":0,"multipleOf":0.01}}`, `[` + many("9.99", 3000) + `]`, taken},
		"name of a place":    {`{"pattern":"^[\\pL ]{1,200}$"}`, `"` + strings.Repeat("ä", 200) + `"`, taken},
		"text with a length": {`{"type":"object","properties":{"text":{"type":"string","maxLength":60000}}}`, `{"text":"` + strings.Repeat(",", 60000) + `"}`, taken},
		"expression":         {`{"format":"regex"}`, `"^[a-z]{1,64}$"`, taken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := compileSchema(json.RawMessage(tt.schema))
			if (err != nil) != (tt.want == compiled) {
				t.Fatalf("schema: %v", err)
			}
			if err == nil {
				err = meets(s, json.RawMessage(tt.data))
			}
			if e, _ := errors.AsType[*Error](err); (err == nil) != (tt.want == taken) || tt.want == refused && (e == nil || e.Code != "invalid") {
				t.Errorf("got %v, want it to be %s", err, tt.want)
			}
			if err != nil && len(err.Error()) > 1100 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}
