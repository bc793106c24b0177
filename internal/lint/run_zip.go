package lint

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
)

// Limits of a zip. Apigee's own bundles are at most 15 MB.
const (
	maxEntries  = 100_000
	maxUnpacked = 256 << 20 // bytes, of all entries that were read
	maxRatio    = 200       // unpacked to packed, of an entry beyond the first megabyte: XML reaches about 20
)

// zip reads and judges a zip, one entry after the other, in memory alone. A zip in a zip is not opened.
func (r *run) zip(ctx context.Context, f file, raw []byte) (out outcome) {
	whole := &Source{Name: f.name}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		if f.given {
			out.unreadable(r, whole, &Unreadable{Problem: "is no zip that can be read: " + err.Error()})
		}
		return out
	}
	left := r.unpacked
	for i, e := range z.File {
		switch {
		case ctx.Err() != nil:
			return out
		case i == r.entries:
			out.unreadable(r, whole, &Unreadable{Problem: fmt.Sprintf("has more than %d entries", r.entries)})
			return out
		case e.FileInfo().IsDir(), hiddenEntry(e.Name):
			continue
		}
		one := r.entry(f, e, &left)
		out.findings = append(out.findings, one.findings...)
		out.suppressed = append(out.suppressed, one.suppressed...)
		out.policies = append(out.policies, one.policies...)
		out.sources += one.sources
		out.skipped += one.skipped
		out.count += one.count
		if left <= 0 {
			out.unreadable(r, whole, &Unreadable{Problem: fmt.Sprintf("unpacks to more than %d MB", r.unpacked>>20)})
			return out
		}
	}
	return out
}

// entry is one of a zip.
func (r *run) entry(f file, e *zip.File, left *int64) (out outcome) {
	inner := file{name: f.name + "!" + e.Name, bundle: f.name}
	if !localEntry(e.Name) {
		inner.name = fmt.Sprintf("%s!%q", f.name, e.Name)
		out.unreadable(r, &Source{Name: inner.name}, &Unreadable{Problem: "has a path that leaves the zip"})
		return out
	}
	if !e.Mode().IsRegular() {
		out.skipped = 1
		return out
	}
	size := int64(min(e.UncompressedSize64, MaxFile+1))
	if size > 1<<20 && size/maxRatio > int64(e.CompressedSize64) {
		out.unreadable(r, &Source{Name: inner.name}, &Unreadable{Problem: fmt.Sprintf("unpacks to more than %d times its size", maxRatio)})
		return out
	}
	content, err := e.Open()
	if err != nil {
		out.unreadable(r, &Source{Name: inner.name}, &Unreadable{Problem: "cannot be unpacked: " + err.Error()})
		return out
	}
	defer content.Close()
	*left-- // an empty one is work too
	text, err := limited(&counted{content, left}, size)
	return r.text(inner, text, err)
}

// unpacked reads one entry anew; nil where that fails.
func unpacked(raw []byte, name string) []byte {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil
	}
	for _, e := range z.File {
		if e.Name != name {
			continue
		}
		content, err := e.Open()
		if err != nil {
			return nil
		}
		defer content.Close()
		text, _ := limited(content, int64(min(e.UncompressedSize64, MaxFile)))
		return text
	}
	return nil
}

// counted counts what is unpacked, also of entries that turn out to be broken.
type counted struct {
	io.Reader
	left *int64
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	*c.left -= int64(n)
	return n, err
}

// localEntry says whether a path stays in the zip, on every system.
func localEntry(name string) bool {
	return name != "" && !strings.ContainsAny(name, "\\\x00") && !strings.HasPrefix(name, "/") && !strings.Contains(strings.SplitN(name, "/", 2)[0], ":") &&
		path.Clean(name) != ".." && !strings.HasPrefix(path.Clean(name), "../")
}

// hiddenEntry says whether an entry stands in a folder that a walk would not enter.
func hiddenEntry(name string) bool {
	folder, _ := path.Split(name)
	for part := range strings.SplitSeq(folder, "/") {
		if part != ".." && skippedFolder(part) {
			return true
		}
	}
	return false
}
