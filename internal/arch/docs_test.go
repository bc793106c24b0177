package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestPublicDocs: every exported name of the public packages has a comment, those of fields, methods and grouped constants
// too, and every function of theirs is used in an Example.
func TestPublicDocs(t *testing.T) {
	for _, name := range publicFolders {
		p := readPublic(t, name)
		for _, where := range p.undocumented {
			t.Errorf("%s: %s has no comment", name, where)
		}
		for _, function := range p.functions {
			if !p.shown[function] {
				t.Errorf("%s.%s is used in no Example", name, function)
			}
		}
	}
}

// public is what TestPublicDocs wants to know of a package.
type public struct {
	undocumented []string
	functions    []string
	shown        map[string]bool // by Examples
}

func readPublic(t *testing.T, name string) *public {
	t.Helper()
	p := &public{shown: map[string]bool{}}
	files, err := filepath.Glob(filepath.Join("..", "..", name, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if strings.HasSuffix(path, "_test.go") {
				p.example(decl, name)
			} else {
				p.declaration(decl)
			}
		}
	}
	return p
}

// example notes which names of the package an Example uses.
func (p *public) example(decl ast.Decl, name string) {
	f, ok := decl.(*ast.FuncDecl)
	if !ok || !strings.HasPrefix(f.Name.Name, "Example") {
		return
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
				p.shown[s.Sel.Name] = true
			}
		}
		return true
	})
}

func (p *public) declaration(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			p.need(d.Doc != nil, d.Name)
			if d.Name.IsExported() {
				p.functions = append(p.functions, d.Name.Name)
			}
		} else if r, ok := receiver(d).(*ast.Ident); ok && r.IsExported() {
			p.need(d.Doc != nil, r, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				p.need(d.Doc != nil || s.Doc != nil, s.Name)
				if s.Name.IsExported() {
					p.members(s)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					p.need(s.Doc != nil || s.Comment != nil || len(d.Specs) == 1 && d.Doc != nil, name)
				}
			}
		}
	}
}

// receiver is the type that a method is of, without star and type parameters.
func receiver(d *ast.FuncDecl) ast.Expr {
	x := d.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if generic, ok := x.(*ast.IndexExpr); ok {
		x = generic.X
	}
	return x
}

func (p *public) members(s *ast.TypeSpec) {
	var fields *ast.FieldList
	switch t := s.Type.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		fields = t.Methods
	default:
		return
	}
	for _, f := range fields.List {
		for _, name := range f.Names {
			p.need(f.Doc != nil || f.Comment != nil, s.Name, name)
		}
	}
}

// need notes a name without a comment, where all of it is exported.
func (p *public) need(documented bool, path ...*ast.Ident) {
	var names []string
	for _, id := range path {
		if !id.IsExported() {
			return
		}
		names = append(names, id.Name)
	}
	if !documented {
		p.undocumented = append(p.undocumented, strings.Join(names, "."))
	}
}
