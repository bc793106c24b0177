package lint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// beginning is how much of a text decides whether it is one at all, and whether a text that is too large is ours.
const beginning = 4096

var (
	errBinary   = errors.New("is no text")
	errTooLarge = fmt.Errorf("is larger than %d MB, which is more than is read", MaxFile>>20)
)

// limited reads a text of at most MaxFile bytes. What has a NUL in its beginning and no byte order mark is errBinary, and not read to its end.
// With an error, the text is the beginning.
func limited(r io.Reader, size int64) ([]byte, error) {
	head := make([]byte, beginning, min(max(size, beginning), MaxFile)+bytes.MinRead)
	n, err := io.ReadFull(r, head)
	head = head[:n]
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = nil
	case err == nil && size > MaxFile:
		return head, errTooLarge
	}
	if err != nil {
		return head, err
	}
	if !isZip(head) && marked(head) == nil && bytes.IndexByte(head, 0) >= 0 {
		return head, errBinary
	}
	b := bytes.NewBuffer(head)
	if _, err := b.ReadFrom(io.LimitReader(r, MaxFile+1-int64(n))); err != nil {
		return head, err
	}
	if b.Len() > MaxFile {
		return b.Bytes()[:beginning], errTooLarge
	}
	return b.Bytes(), nil
}

// readFile is limited of a file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return limited(f, info.Size())
}

// marked is the decoder that a byte order mark asks for; nil without one, or with that of UTF-8.
func marked(b []byte) *encoding.Decoder {
	switch { // UTF-32 first: its mark begins as that of UTF-16
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE, 0, 0}), bytes.HasPrefix(b, []byte{0, 0, 0xFE, 0xFF}):
		return utf32.UTF32(utf32.BigEndian, utf32.ExpectBOM).NewDecoder()
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}), bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		return unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM).NewDecoder()
	}
	return nil
}

// byteOrderMark is that of UTF-8, which many editors on Windows write.
const byteOrderMark = "\xEF\xBB\xBF"

// decoded is a text without its byte order mark, as UTF-8. exact says that what follows the mark in the file is this text, byte by byte. An error
// is a text that is no UTF-8 and does not say what else it is.
func decoded(raw []byte) (text []byte, exact bool, err error) {
	if d := marked(raw); d != nil {
		if text, err = d.Bytes(raw); err != nil {
			return raw, false, fmt.Errorf("is not what its byte order mark says: %w", err)
		}
		return text, false, nil
	}
	text = bytes.TrimPrefix(raw, []byte(byteOrderMark))
	if declares(text) || utf8.Valid(text) {
		return text, true, nil
	}
	return text, true, errors.New("is not UTF-8: save it as UTF-8")
}

// declares says that a text names its encoding as XML does: then its reader decodes it.
func declares(text []byte) bool {
	if !bytes.HasPrefix(text, []byte("<?xml")) {
		return false
	}
	declaration, _, _ := bytes.Cut(text[:min(len(text), 200)], []byte("?>"))
	return bytes.Contains(declaration, []byte("encoding"))
}

func isZip(b []byte) bool {
	return bytes.HasPrefix(b, []byte("PK\x03\x04")) || bytes.HasPrefix(b, []byte("PK\x05\x06"))
}
