package lint

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// file is one that is to be read.
type file struct {
	path   string // for the system
	name   string // for people: with slashes, as it was given
	bundle string
	given  bool  // by its name
	quiet  bool  // read for its bundle alone: what is wrong with itself was not asked
	failed error // a folder or a file below one that cannot be read
}

// walk finds files.
type walk struct {
	files []file
	seen  map[string]int // absolute path -> place in files
	here  string         // the working folder
}

// path takes one that was given.
func (w *walk) path(ctx context.Context, path string) error {
	if path == "-" {
		w.add(file{path: "-", name: "-", given: true})
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read path: %w", err)
	}
	if info.IsDir() || info.Mode().IsRegular() {
		f, err := os.Open(path) // who names a path is told at once that it cannot be read
		if err != nil {
			return fmt.Errorf("read path: %w", err)
		}
		_ = f.Close()
	}
	if info.IsDir() {
		return w.folder(ctx, filepath.Clean(path), false)
	}
	w.add(file{path: path, name: slashes(path), bundle: w.bundleOf(path), given: true})
	return nil
}

// folder takes all below one, in the order of names.
func (w *walk) folder(ctx context.Context, path string, quiet bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		w.add(file{path: path, name: slashes(path), failed: err})
	}
	for _, e := range entries {
		below := filepath.Join(path, e.Name())
		switch {
		case e.IsDir() && skippedFolder(e.Name()):
		case e.IsDir():
			if err := w.folder(ctx, below, quiet); err != nil {
				return err
			}
		case e.Type().IsRegular(): // no links, no devices, no pipes
			w.add(file{path: below, name: slashes(below), bundle: w.bundleOf(below), quiet: quiet})
		}
	}
	return nil
}

// siblings adds what stands in the bundles of files that were given alone.
func (w *walk) siblings(ctx context.Context) error {
	var done []string
	for _, f := range w.files {
		if f.bundle == "" || !f.given || slices.Contains(done, f.bundle) {
			continue
		}
		done = append(done, f.bundle)
		if err := w.folder(ctx, filepath.FromSlash(f.bundle), true); err != nil {
			return err
		}
	}
	slices.SortStableFunc(w.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return nil
}

// add takes a file once: by whichever way asks more of it.
func (w *walk) add(f file) {
	key := w.absolute(f.path)
	i, known := w.seen[key]
	if !known {
		w.seen[key] = len(w.files)
		w.files = append(w.files, f)
		return
	}
	w.files[i].given = w.files[i].given || f.given
	w.files[i].quiet = w.files[i].quiet && f.quiet
}

// skippedFolder are hidden ones and those of code that others wrote.
func skippedFolder(name string) bool {
	switch name {
	case "node_modules", "vendor", "__pycache__", "venv":
		return true
	}
	return strings.HasPrefix(name, ".") && name != "." && name != ".."
}

// bundleOf is the root of the Apigee bundle that a file stands in: the folder apiproxy (or sharedflowbundle) on its path; "" for none.
func (w *walk) bundleOf(path string) string {
	dir := filepath.Dir(path)
	if !hasBundle(dir) { // given from within the bundle, its root is above the working folder
		dir = w.absolute(dir)
	}
	for ; hasBundle(dir); dir = filepath.Dir(dir) {
		if isBundle(filepath.Base(dir)) {
			return slashes(dir)
		}
	}
	return ""
}

func (w *walk) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(w.here, path)
}

func hasBundle(dir string) bool {
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(dir), "/"), isBundle)
}

func isBundle(name string) bool { return name == "apiproxy" || name == "sharedflowbundle" }

func slashes(path string) string { return filepath.ToSlash(filepath.Clean(path)) }
