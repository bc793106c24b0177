package account

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
)

// MaxImport is the most users that Importer.Import takes at once: one transaction.
const MaxImport = 500

// Imported is a user of another system.
type Imported struct {
	// Line is where the user stands in what is imported, from 1.
	Line     int
	Username string
	// PasswordHash is an argon2id, argon2i, argon2d, PBKDF2, scrypt, bcrypt, sha-crypt or yescrypt hash, as
	// Werkzeug, Django, passlib or crypt(3) write it. Either it or Password is given.
	PasswordHash string
	// Password is judged as a new one is, and hashed.
	Password string
	Roles    []string
	Disabled bool
	// CreatedAt is zero for now, PasswordChangedAt for the same as CreatedAt.
	CreatedAt, PasswordChangedAt time.Time
}

// Outcome is what became of one Imported.
type Outcome struct {
	Line  int
	State OutcomeState
	// Err says what was wrong with a line that is Refused or in Conflict. It quotes no hash and no password.
	Err error
}

// OutcomeState is the kind of an Outcome.
type OutcomeState int

// The states.
const (
	Added    OutcomeState = iota // now, or it would be if this were no dry run
	Present                      // the same user is there already
	Conflict                     // another user of this name is there, who stays as they are
	Refused                      // the line is wrong
)

// Importer takes over the users of another system, a batch at a time. It is for one goroutine.
type Importer struct {
	s    *Service
	dry  bool
	from audit.From
	seen map[string]int // the line of each subject
}

// NewImporter starts an import. A dry one looks at everything and writes nothing.
func (s *Service) NewImporter(dry bool, from audit.From) *Importer {
	return &Importer{s: s, dry: dry, from: from, seen: map[string]int{}}
}

// job is one line on its way.
type job struct {
	Imported
	user User
	err  error
}

// Import adds those of batch, at most MaxImport, that are not there, all in one
// transaction, and tells what became of each. An import that was broken off may
// be begun again: who is there already is Present. Should it fail as a whole, nothing was added.
func (i *Importer) Import(ctx context.Context, batch []Imported) ([]Outcome, error) {
	if len(batch) > MaxImport {
		panic("account: Import of more than MaxImport users")
	}
	jobs := make([]*job, len(batch))
	for n, line := range batch {
		jobs[n] = &job{Imported: line}
		jobs[n].user, jobs[n].err = i.check(line)
	}
	there, err := i.there(ctx, jobs)
	if err != nil {
		return nil, err
	}
	if err := i.hashAll(ctx, jobs, there); err != nil {
		return nil, err
	}
	if err := i.store(ctx, jobs, there); err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(jobs))
	for n, j := range jobs {
		outcomes[n] = j.outcome(there)
	}
	return outcomes, nil
}

// errThere is a user whom somebody else is, or may be.
var errThere = errors.New("a user of this name is there already")

// check makes a user of a line, all but the hash of a password in plain text.
func (i *Importer) check(line Imported) (User, error) {
	subject, err := i.s.Normalise(line.Username)
	if err == nil && mixed(subject) {
		err = badName("username_characters")
	}
	if err != nil {
		return User{}, err
	}
	roles, err := checkRoles(line.Roles)
	if err != nil {
		return User{}, err
	}
	u := User{Subject: subject, Username: line.Username, Roles: roles, Disabled: line.Disabled, CredentialVersion: 1}
	if u.CreatedAt, err = i.instant("created_at", line.CreatedAt, i.s.instant()); err != nil {
		return User{}, err
	}
	if u.PasswordChangedAt, err = i.instant("password_changed_at", line.PasswordChangedAt, u.CreatedAt); err != nil {
		return User{}, err
	}
	switch {
	case (line.PasswordHash == "") == (line.Password == ""):
		return User{}, errors.New("one of password_hash and password is needed, and not both")
	case line.PasswordHash != "":
		if u.PasswordHash, err = readableHash(line.PasswordHash, i.s.hasher.bounds); err != nil {
			return User{}, err
		}
	}
	if first, twice := i.seen[subject]; twice {
		return User{}, fmt.Errorf("%w on line %d", errThere, first)
	}
	i.seen[subject] = line.Line
	return u, nil
}

// instant is t as it is stored, or otherwise where there is none.
func (i *Importer) instant(name string, t, otherwise time.Time) (time.Time, error) {
	switch {
	case t.IsZero():
		return otherwise, nil
	case t.After(i.s.now()):
		return t, errors.New(name + " is in the future")
	case t.UnixMilli() <= 0: // 0 is none in the store
		return t, errors.New(name + " is not after 1970")
	}
	return t.UTC().Truncate(time.Millisecond), nil
}

// there are those users who exist, as far as a password in plain text or a dry run has to know.
func (i *Importer) there(ctx context.Context, jobs []*job) (map[string]User, error) {
	var subjects []string
	for _, j := range jobs {
		if j.err == nil && (i.dry || j.Password != "") {
			subjects = append(subjects, j.user.Subject)
		}
	}
	users, err := i.s.store.UsersOf(ctx, subjects)
	return bySubject(users), err
}

func bySubject(users []User) map[string]User {
	m := map[string]User{}
	for _, u := range users {
		m[u.Subject] = u
	}
	return m
}

// hashAll hashes the passwords in plain text, on as many cores as logins may use.
func (i *Importer) hashAll(ctx context.Context, jobs []*job, there map[string]User) error {
	plain := slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return j.err != nil || j.Password == "" })
	var next atomic.Int64
	errs := make([]error, len(plain))
	var workers sync.WaitGroup
	for range min(len(plain), cap(i.s.hasher.gate.slots)) {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(plain)); n = next.Add(1) - 1 {
				errs[n] = i.hash(ctx, plain[n], there)
			}
		})
	}
	workers.Wait()
	return errors.Join(errs...)
}

// hash fills in the hash of a job: for who is there with this password, the one they have.
func (i *Importer) hash(ctx context.Context, j *job, there map[string]User) error {
	if old, ok := there[j.user.Subject]; ok {
		same, _, err := i.s.hasher.verify(ctx, old.PasswordHash, j.Password)
		if same {
			j.user.PasswordHash = old.PasswordHash
		}
		return err
	}
	err := i.s.judge(ctx, "password", j.Password, j.Username, j.user.Subject)
	if errors.Is(err, problem.Invalid) {
		j.err = err
		return nil
	}
	if err != nil || i.dry {
		return err
	}
	j.user.PasswordHash, err = i.s.hasher.hash(ctx, j.Password)
	return err
}

// store inserts who is new, and adds to there who is not.
func (i *Importer) store(ctx context.Context, jobs []*job, there map[string]User) error {
	var users []User
	for _, j := range jobs {
		if _, known := there[j.user.Subject]; j.err == nil && !known {
			users = append(users, j.user)
		}
	}
	if i.dry || len(users) == 0 {
		return nil
	}
	e := i.s.event(audit.UserCreated, "", i.from)
	e.Detail = map[string]string{"how": "import"}
	present, err := i.s.store.ImportUsers(ctx, users, e)
	if errors.Is(err, ErrTaken) {
		return fmt.Errorf("another process is adding the same users: %w", err)
	}
	maps.Copy(there, bySubject(present))
	return err
}

func (j *job) outcome(there map[string]User) Outcome {
	o := Outcome{Line: j.Line, State: Added, Err: j.err}
	old, known := there[j.user.Subject]
	switch {
	case errors.Is(j.err, errThere):
		o.State = Conflict
	case j.err != nil:
		o.State = Refused
	case known:
		o.State = Present
		if differs := j.differs(old); len(differs) > 0 {
			o.State, o.Err = Conflict, fmt.Errorf("%w, with another %s", errThere, strings.Join(differs, ", "))
		}
	}
	return o
}

// differs names what the user who is there has otherwise. A hash that was
// replaced at a login since the import is the same password's.
func (j *job) differs(old User) (names []string) {
	differ := func(name string, different bool) {
		if different {
			names = append(names, name)
		}
	}
	dated := !j.CreatedAt.IsZero() || !j.Imported.PasswordChangedAt.IsZero()
	sameDate := dated && old.PasswordChangedAt.Equal(j.user.PasswordChangedAt)
	rehashed := sameDate && old.CredentialVersion == 1 && strings.HasPrefix(old.PasswordHash, native) && j.Password == ""
	differ("spelling", old.Username != j.user.Username)
	differ("password", old.PasswordHash != j.user.PasswordHash && !rehashed)
	differ("roles", !slices.Equal(old.Roles, j.user.Roles))
	differ("disabled", old.Disabled != j.user.Disabled)
	differ("created_at", !j.CreatedAt.IsZero() && !old.CreatedAt.Equal(j.user.CreatedAt))
	differ("password_changed_at", dated && !sameDate)
	return names
}
