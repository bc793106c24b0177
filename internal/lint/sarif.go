package lint

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// SARIF 2.1.0 (OASIS), as far as GitHub code scanning reads it.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool     `json:"tool"`
		Automation  sarifID       `json:"automationDetails"`
		ColumnKind  string        `json:"columnKind"`
		Invocations []sarifInvoke `json:"invocations"`
		Results     []sarifResult `json:"results"`
	}
	sarifID struct {
		ID string `json:"id"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
		Version         string      `json:"version,omitempty"`
		InformationURI  string      `json:"informationUri"`
		Rules           []sarifRule `json:"rules"`
	}
	sarifInvoke struct {
		Successful bool `json:"executionSuccessful"`
	}
	sarifRule struct {
		ID         string         `json:"id"`
		Name       string         `json:"name"`
		Short      sarifText      `json:"shortDescription"`
		Full       sarifText      `json:"fullDescription"`
		Help       sarifText      `json:"help"`
		HelpURI    string         `json:"helpUri"`
		Default    sarifLevel     `json:"defaultConfiguration"`
		Properties sarifRuleProps `json:"properties"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifRuleProps struct {
		Tags      []string `json:"tags"`
		Precision string   `json:"precision"`
		Severity  string   `json:"security-severity,omitempty"` // a number in a string
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Fixes        []sarifFix        `json:"fixes,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifFix struct {
		Description sarifText     `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifact      `json:"artifactLocation"`
		Replacements []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		Deleted  sarifRegion `json:"deletedRegion"`
		Inserted sarifText   `json:"insertedContent"`
	}
)

// sarifResults are as many as GitHub takes in a run; of more, the worst are reported.
const sarifResults = 25_000

// grave says whether GitHub is to rank a rule by a number. The other rules give several severities, and GitHub ranks by rule: without a number it
// shows the level of each finding, where a number would call a note grave.
func grave(id string) bool {
	return slices.Contains([]string{"SND102", "SND107", "SND112", "SND301", "SND302", "SND303"}, id)
}

// sarif leaves suppressed findings out: what GitHub makes of them is not said.
func (r *Report) sarif() sarifLog {
	rules := Rules()
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "sandi", InformationURI: "https://github.com/sandi-auth/sandi", Rules: []sarifRule{}}},
		Automation: sarifID{"sandi/"}, ColumnKind: "unicodeCodePoints",
		Invocations: []sarifInvoke{{Successful: !r.Unreadable()}}, Results: []sarifResult{},
	}
	if semantic(r.Version) {
		run.Tool.Driver.SemanticVersion = strings.TrimPrefix(r.Version, "v")
	} else {
		run.Tool.Driver.Version = r.Version
	}
	for _, rule := range rules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(rule))
	}
	at, seen := places{}, map[string]int{}
	findings := r.Findings
	if len(findings) > sarifResults {
		findings = slices.SortedStableFunc(slices.Values(findings), func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })[:sarifResults]
	}
	for i := range findings {
		f := &findings[i]
		n := slices.IndexFunc(rules, func(rule Rule) bool { return rule.ID == f.Rule })
		run.Results = append(run.Results, r.sarifResult(f, n, &at, seen))
	}
	return sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
}

func sarifRuleOf(rule Rule) sarifRule {
	s := sarifRule{
		ID: rule.ID, Name: camel(rule.Name), Short: sarifText{Text: rule.Summary}, Full: sarifText{Text: rule.Why}, HelpURI: link(rule.ID),
		Default: sarifLevel{rule.Severity.String()}, Properties: sarifRuleProps{Tags: []string{"security", "tokens"}, Precision: "very-high"},
		Help: sarifText{
			Text:     rule.Why + "\n\n" + rule.Fix + "\n\nSources: " + strings.Join(rule.Sources, "; "),
			Markdown: fmt.Sprintf("%s\n\n**Fix.** %s\n\n**Sources.** %s\n\nBad:\n\n```text\n%s\n```\n\nGood:\n\n```text\n%s\n```\n", plain(rule.Why), plain(rule.Fix), plain(strings.Join(rule.Sources, "; ")), rule.Bad, rule.Good),
		},
	}
	if grave(rule.ID) {
		s.Properties.Severity = "8.1"
	}
	return s
}

func (r *Report) sarifResult(f *Finding, rule int, at *places, seen map[string]int) sarifResult {
	artifact := r.artifact(f.Source.Name)
	out := sarifResult{
		RuleID: f.Rule, RuleIndex: rule, Level: f.Severity.String(), Message: sarifText{Text: picture(f.Message)},
		Locations:    []sarifLocation{{sarifPhysical{artifact, region(f.At, at.end(f))}}},
		Fingerprints: map[string]string{"primaryLocationLineHash": fingerprint(f, at.shown(f.Source), artifact.URI, seen)},
	}
	if f.Fix != nil && f.Source.Text != nil {
		e := f.Fix.At
		deleted := region(at.of(f.Source, e.Start, e.End), at.of(f.Source, e.End, e.End))
		out.Fixes = []sarifFix{{
			sarifText{Text: "Write " + picture(f.Suggest)},
			[]sarifChange{{artifact, []sarifReplacement{{deleted, sarifText{Text: f.Fix.New}}}}},
		}}
	}
	return out
}

func region(from, to Span) sarifRegion {
	if to.Line < from.Line || to.Line == from.Line && to.Column < from.Column {
		to = from
	}
	return sarifRegion{StartLine: max(from.Line, 1), StartColumn: max(from.Column, 1), EndLine: max(to.Line, 1), EndColumn: max(to.Column, 1)}
}

// artifact names a file as SARIF does: relative to the root of the checkout where it stands below it.
func (r *Report) artifact(name string) sarifArtifact {
	if name == "-" {
		return sarifArtifact{URI: "stdin"}
	}
	name = r.below(name)
	if path.IsAbs(name) || len(name) > 2 && name[1:3] == ":/" {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(name, "/")}).String()}
	}
	return sarifArtifact{URI: strings.TrimPrefix((&url.URL{Path: name}).String(), "./"), Base: "%SRCROOT%"}
}

// below is a name from Root, as GitHub wants it, whichever folder the program runs in; a file that is not below Root has its absolute name.
func (r *Report) below(name string) string {
	if r.Root == "" || name == "-" {
		return name
	}
	absolute := name
	if !path.IsAbs(name) && !(len(name) > 2 && name[1:3] == ":/") {
		absolute = path.Join(r.Folder, name)
	}
	if rest, ok := strings.CutPrefix(absolute, strings.TrimSuffix(r.Root, "/")+"/"); ok {
		return rest
	}
	return absolute
}

// fingerprint tells a finding from others across versions of a file: by what its line says, not by the line's number.
func fingerprint(f *Finding, shown []byte, uri string, seen map[string]int) string {
	begin, end := around(shown, min(f.At.Start, len(shown)), 200)
	sum := sha256.Sum256(slices.Concat([]byte(f.Rule+"\x00"+uri+"\x00"+f.Policy+"\x00"), bytes.TrimSpace(shown[begin:end])))
	hash := hex.EncodeToString(sum[:8])
	seen[hash]++
	return fmt.Sprintf("%s:%d", hash, seen[hash])
}

// camel is a rule's name as SARIF wants it: AccessTooLong.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// semantic says whether a version is one of semver.org.
func semantic(version string) bool {
	core, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	core, _, _ = strings.Cut(core, "+")
	parts := strings.Split(core, ".")
	return len(parts) == 3 && !slices.ContainsFunc(parts, func(p string) bool { return p == "" || strings.Trim(p, "0123456789") != "" })
}
