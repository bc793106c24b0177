package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker (see Makefile); empty where go build or go
// install made the binary, which record it themselves.
var version string

// build is what this binary was built from.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Changed bool   `json:"changed,omitempty"` // the working tree had changes that are in no commit
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func thisBuild() build {
	b := build{Version: cmp.Or(version, "(devel)"), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if version == "" && info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

// String is the build in one line.
func (b build) String() string {
	commit := ""
	if b.Commit != "" {
		commit = " commit " + b.Commit
	}
	return fmt.Sprintf("sandi %s%s %s %s/%s", b.Version, commit, b.Go, b.OS, b.Arch)
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "version", Short: "Print which build this is", Example: "  sandi version --json"}
	jsonFlag(c, &asJSON)
	return does(c, func(*cobra.Command, []string) error {
		b := thisBuild()
		if asJSON {
			return a.json(b)
		}
		return a.print(b.String() + "\n")
	})
}
