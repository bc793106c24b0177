package demo

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// ManagerRole is the role that may change products.
const ManagerRole = "manager"

// freshFor is how long after a login an order may be placed.
const freshFor = 15 * time.Minute

// Demo answers the demo application's routes.
type Demo struct {
	guard *guard.Guard
	web   *web.Web
	store Store
}

// New builds the demo application. All three are required.
func New(g *guard.Guard, w *web.Web, s Store) *Demo { return &Demo{guard: g, web: w, store: s} }

// Routes mounts the application. Where seed 004 sends its token by query or form, these routes say so by name;
// no other route takes it there.
func (d *Demo) Routes(mux *http.ServeMux) {
	anywhere := guard.From(guard.FromHeader(), guard.InsecureFromQuery("access_token"), guard.InsecureFromBody("access_token"), guard.FromCookie())
	handle := func(pattern string, h web.Handler, reqs ...guard.Requirement) {
		mux.Handle(pattern, d.guard.Require(reqs...)(d.web.Handle(h)))
	}
	handle("GET /protected", d.protected, anywhere)
	handle("POST /protected", d.protected, anywhere)
	handle("GET /optional", d.optional, guard.Optional())
	handle("POST /orders", d.order, guard.Fresh(freshFor))
	handle("GET /products", d.products)
	handle("POST /products", d.addProduct, guard.Role(ManagerRole))
	handle("PUT /products/{id}", d.updateProduct, guard.Role(ManagerRole))
	handle("DELETE /products/{id}", d.deleteProduct, guard.Role(ManagerRole))
	mux.Handle("GET /{$}", http.RedirectHandler("/missions-page", http.StatusSeeOther)) // who opens the printed address in a browser
	mux.Handle("GET /missions-page", d.web.HandlePage(missions))
	mux.Handle("GET /missions-page/missions.js", d.web.HandlePage(script))
}

func subject(r *http.Request) string { return guard.Identity(r.Context()).Subject() }

func (d *Demo) protected(w http.ResponseWriter, r *http.Request) error {
	return web.JSON(w, http.StatusOK, map[string]string{"logged_in_as": subject(r)})
}

// optional greets a caller by name, and anybody else as a guest.
func (d *Demo) optional(w http.ResponseWriter, r *http.Request) error {
	if name := subject(r); name != "" {
		return web.JSON(w, http.StatusOK, map[string]string{"logged_in_as": name, "msg": d.web.Sentence(r, "hello_user", map[string]string{"name": name})})
	}
	return web.JSON(w, http.StatusOK, map[string]string{"msg": d.web.Sentence(r, "hello_guest", nil)})
}

// order stands for what should ask for the password again: it wants a token from a login of the last minutes.
func (d *Demo) order(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Product  int64 `json:"product"`
		Quantity int64 `json:"quantity"`
	}
	if err := web.Decode(w, r, &in); err != nil {
		return err
	}
	if in.Quantity < 1 || in.Quantity > 1000 {
		return problem.InvalidField("quantity", "quantity_range")
	}
	p, err := d.find(r, in.Product)
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusCreated, map[string]any{
		"ordered_by": subject(r), "product": p.Name, "quantity": in.Quantity, "total": p.Price * in.Quantity,
	})
}

func (d *Demo) find(r *http.Request, id int64) (Product, error) {
	all, err := d.store.Products(r.Context())
	if err != nil {
		return Product{}, err
	}
	for _, p := range all {
		if p.ID == id {
			return p, nil
		}
	}
	return Product{}, problem.InvalidField("product", "no_such_product")
}

func (d *Demo) products(w http.ResponseWriter, r *http.Request) error {
	all, err := d.store.Products(r.Context())
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, map[string]any{"products": all})
}

func (d *Demo) addProduct(w http.ResponseWriter, r *http.Request) error {
	p, err := readProduct(w, r)
	if err != nil {
		return err
	}
	if p, err = d.store.AddProduct(r.Context(), p); err != nil {
		return err
	}
	return web.JSON(w, http.StatusCreated, p)
}

func (d *Demo) updateProduct(w http.ResponseWriter, r *http.Request) error {
	id, err := productID(r)
	if err != nil {
		return err
	}
	p, err := readProduct(w, r)
	if err != nil {
		return err
	}
	p.ID = id
	if err := known(d.store.UpdateProduct(r.Context(), p)); err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, p)
}

func (d *Demo) deleteProduct(w http.ResponseWriter, r *http.Request) error {
	id, err := productID(r)
	if err != nil {
		return err
	}
	if err := known(d.store.DeleteProduct(r.Context(), id)); err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, map[string]string{"msg": d.web.Sentence(r, "product_deleted", nil)})
}

func known(err error) error {
	if errors.Is(err, ErrNoProduct) {
		return problem.Wrap(problem.NotFound, "not_found", err)
	}
	return err
}

func productID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, problem.New(problem.NotFound, "not_found")
	}
	return id, nil
}

func readProduct(w http.ResponseWriter, r *http.Request) (Product, error) {
	var in struct {
		Name  string `json:"name"`
		Price *int64 `json:"price"`
	}
	if err := web.Decode(w, r, &in); err != nil {
		return Product{}, err
	}
	if err := web.Required("name", in.Name); err != nil {
		return Product{}, err
	}
	if len(in.Name) > 200 {
		return Product{}, problem.InvalidField("name", "field_too_long")
	}
	if in.Price == nil {
		return Product{}, problem.InvalidField("price", "field_missing")
	}
	if *in.Price < 0 || *in.Price > 1e12 {
		return Product{}, problem.InvalidField("price", "price_range")
	}
	return Product{Name: in.Name, Price: *in.Price}, nil
}
