package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/account"
)

// importOptions are the flags of 'sandi user import'.
type importOptions struct {
	format, onConflict, errors string
	dry, asJSON                bool
}

const importLong = `Import the users of another system. FILE, or standard input for "-", is JSON
Lines or CSV whose first row names the columns: username, password_hash or
password, and where there are any roles, disabled, created_at and
password_changed_at. A hash stays as it is until its user logs in, and is
replaced by an argon2id hash then. Read are those of Werkzeug, Django, passlib and
crypt(3): PBKDF2, scrypt, bcrypt, argon2, sha-crypt, yescrypt.

Users are added 500 at a time, each time all or none. What is wrong with a line
is told with its number, and the other lines are imported. Who is there already
is left as they are: an import that was broken off is run again to go on.`

func (a *app) userImportCommand() *cobra.Command {
	var t target
	var o importOptions
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Import users with the password hashes they have",
		Long:  importLong,
		Example: `  sandi user import users.jsonl --dry-run
  sandi user import users.csv --on-conflict skip --errors refused.jsonl
  ssh old-server ./dump-users | sandi user import - --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("for standard input it is \"-\"", "%s takes one file, and was given %d", cmd.CommandPath(), len(args))
			}
			return nil
		},
	}
	t.flags(c)
	c.Flags().StringVar(&o.format, "format", "", "jsonl or csv; by the `name` of the file or its first byte where it is not given")
	c.Flags().BoolVar(&o.dry, "dry-run", false, "look at every line and write nothing")
	c.Flags().StringVar(&o.onConflict, "on-conflict", "fail", "`what` to do where another user of a name is there: skip, or fail after all others are imported")
	c.Flags().StringVar(&o.errors, "errors", "", "write the lines that were not imported to this new `file`, as JSON Lines")
	jsonFlag(c, &o.asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		if o.onConflict != "skip" && o.onConflict != "fail" {
			return usage("it is skip or fail", "--on-conflict cannot be %q", o.onConflict)
		}
		return a.withAccounts(cmd, t, func(ctx context.Context, accounts *account.Service) error {
			return a.importFile(ctx, accounts, args[0], o)
		})
	})
}

// importSummary is what an import did, as --json prints it.
type importSummary struct {
	DryRun    bool `json:"dry_run"`
	Added     int  `json:"added"`
	Present   int  `json:"present"` // there already, the same
	Conflicts int  `json:"conflicts"`
	Refused   int  `json:"refused"`
	// LastLine is the last one that was looked at.
	LastLine    int  `json:"last_line"`
	Interrupted bool `json:"interrupted"`
}

// importing is an import under way.
type importing struct {
	*app
	importOptions
	importSummary
	users    *account.Importer
	source   userSource
	progress progress
	wrong    []account.Outcome // of the batch that was read last
	list     io.Writer         // of --errors; nil for none
	told     int               // faults, to standard error
	plain    bool              // warned of passwords in plain text
}

func (a *app) importFile(ctx context.Context, accounts *account.Service, name string, o importOptions) (err error) {
	in, size := a.stdin, int64(-1)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if in, size = f, info.Size(); info.Mode().Perm()&0o077 != 0 {
			a.warn(name + " can be read by others: chmod 600 it, and delete it after the import")
		}
	}
	counted := &countingReader{r: in}
	i := &importing{app: a, importOptions: o, users: accounts.NewImporter(o.dry, fromCLI), progress: a.importProgress(counted, size)}
	i.DryRun = o.dry
	if i.source, err = openSource(counted, o.format, name); err != nil {
		return err
	}
	if o.errors != "" {
		f, err := newErrorsFile(o.errors, in)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		i.list = f
	}
	err = i.run(ctx)
	i.progress.end()
	i.Interrupted = errors.Is(err, errInterrupted)
	return errors.Join(i.summary(), i.result(err))
}

// newErrorsFile makes the file of --errors, mode 0600. It writes over none, and least of all over what is imported.
func newErrorsFile(name string, in io.Reader) (*os.File, error) {
	if f, ok := in.(*os.File); ok {
		read, err := f.Stat()
		if there, missing := os.Stat(name); err == nil && missing == nil && os.SameFile(read, there) {
			return nil, usage("name another file with --errors", "%s is the file that is imported", name)
		}
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // O_EXCL follows no link
	if errors.Is(err, fs.ErrExist) {
		return nil, fault("name another file with --errors, or remove that one", "%s exists already", name)
	}
	return f, err
}

// run imports batch after batch. A signal lets the one that was begun end.
func (i *importing) run(ctx context.Context) error {
	for {
		batch, err := interruptible(ctx, i.read)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		outcomes, failed := i.users.Import(context.WithoutCancel(ctx), batch)
		if failed != nil {
			return failed
		}
		outcomes = append(outcomes, i.wrong...)
		slices.SortFunc(outcomes, func(a, b account.Outcome) int { return a.Line - b.Line })
		for _, o := range outcomes {
			if err := i.count(o); err != nil {
				return err
			}
		}
		i.progress.at(i.Added + i.Present + i.Conflicts + i.Refused)
		if err != nil {
			return nil
		}
	}
}

// read reads a batch, io.EOF with the last one, and notes the lines between that are no user.
func (i *importing) read() (batch []account.Imported, err error) {
	i.wrong = nil
	for range account.MaxImport {
		u, err := i.source.next()
		if f, ok := errors.AsType[*lineFault](err); ok {
			i.wrong = append(i.wrong, account.Outcome{Line: f.line, State: account.Refused, Err: f.err})
			continue
		}
		if err != nil {
			return batch, err
		}
		if u.Password != "" && !i.plain {
			i.plain = true
			i.warn(fmt.Sprintf("line %d has a password in plain text: delete the file after the import", u.Line))
		}
		batch = append(batch, u)
	}
	return batch, nil
}

// mostTold is how many faults are shown; a dry run is there to show them all.
const mostTold = 20

// count notes an outcome, and tells of one that is a fault.
func (i *importing) count(o account.Outcome) error {
	i.LastLine = max(i.LastLine, o.Line)
	switch o.State {
	case account.Added:
		i.Added++
	case account.Present:
		i.Present++
	case account.Conflict:
		i.Conflicts++
	case account.Refused:
		i.Refused++
	}
	if o.Err == nil {
		return nil
	}
	if i.list != nil {
		err := json.NewEncoder(i.list).Encode(map[string]any{
			"line": o.Line, "conflict": o.State == account.Conflict, "error": sentence(o.Err),
		})
		if err != nil {
			return fmt.Errorf("write %s: %w", i.errors, err)
		}
	}
	if o.State == account.Conflict && i.onConflict == "skip" {
		return nil
	}
	if i.told++; i.told <= mostTold || i.dry {
		i.progress.clear()
		i.complain(fmt.Sprintf("line %d: %s", o.Line, sentence(o.Err)), "")
	}
	return nil
}

func (i *importing) summary() error {
	if n := i.told - mostTold; n > 0 && !i.dry {
		i.complain(fmt.Sprintf("and %s more", plural(n, "line")), "list them all with --dry-run, or in a file with --errors")
	}
	if i.asJSON {
		return i.json(i.importSummary)
	}
	verb := "added"
	if i.dry {
		verb = "would add"
	}
	return i.print(fmt.Sprintf("%s %s; there already: %d, in conflict: %d, refused: %d\n",
		verb, plural(i.Added, "user"), i.Present, i.Conflicts, i.Refused))
}

// result is what the import ends with: err, or the findings.
func (i *importing) result(err error) error {
	const again = "run it again to go on: who is there already is left as they are"
	switch {
	case i.Interrupted:
		return fault(again, "interrupted after line %d", i.LastLine)
	case err != nil:
		return fmt.Errorf("import after line %d: %w", i.LastLine, err)
	case i.Refused > 0 || i.Conflicts > 0 && i.onConflict == "fail":
		return &findings{exitFault}
	}
	return nil
}
