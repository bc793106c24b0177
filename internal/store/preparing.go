package store

import (
	"context"
	"database/sql/driver"
)

// preparing makes connections that prepare each text once and keep it, which the
// driver of MariaDB leaves to its user, and database/sql does not do for the
// connections that it hands out.
type preparing struct{ driver.Connector }

// Connect implements driver.Connector.
func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, unsent(err)
	}
	return &preparedConn{sessionConn: c.(sessionConn), statements: map[string]driver.Stmt{}}, nil
}

// unsent makes driver.ErrBadConn of the driver's own "bad connection", which it lets out here and there: nothing was sent yet, as
// where the server hung up while it was greeted.
func unsent(err error) error {
	if err != nil && err.Error() == "bad connection" { // driver.ErrBadConn's text is another
		return driver.ErrBadConn
	}
	return err
}

// sessionConn is what database/sql asks of the driver's connection.
type sessionConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
	driver.ExecerContext
	driver.QueryerContext
}

// preparedConn is used by one goroutine at a time, as every driver.Conn is.
type preparedConn struct {
	sessionConn
	statements map[string]driver.Stmt // by their text: as many as there are in this package
}

func (c *preparedConn) statement(ctx context.Context, query string) (driver.Stmt, error) {
	if s, ok := c.statements[query]; ok {
		return s, nil
	}
	s, err := c.PrepareContext(ctx, query)
	if err == nil {
		c.statements[query] = s
	}
	return s, err
}

// Close says goodbye; to a server that is gone that cannot be done, and need not be.
func (c *preparedConn) Close() error {
	_ = c.sessionConn.Close()
	return nil
}

// ExecContext implements driver.ExecerContext.
func (c *preparedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		r, err := c.sessionConn.ExecContext(ctx, query, args)
		return r, unsent(err)
	}
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, unsent(err)
	}
	r, err := s.(driver.StmtExecContext).ExecContext(ctx, args)
	return r, unsent(err)
}

// QueryContext implements driver.QueryerContext.
func (c *preparedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 0 {
		rows, err := c.sessionConn.QueryContext(ctx, query, args)
		return rows, unsent(err)
	}
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, unsent(err)
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, args)
	return rows, unsent(err)
}
