package lint

// nodeKind is what a node of a program's tree is.
type nodeKind uint8

const (
	otherNode    nodeKind = iota // what says nothing by itself; its kids may
	nameNode                     // text: a name, True, null, this
	numberNode                   // text: as it is written
	textNode                     // text: the value
	memberNode                   // kids[0].text
	indexNode                    // kids[0][kids[1]]
	callNode                     // kids[0](kids[1:])
	pairNode                     // text: kids[0], of a map or as a named argument; "" for a key that is computed
	mapNode                      // of pairs and spreads
	listNode                     // of anything, in any brackets
	spreadNode                   // ...kids[0]
	unaryNode                    // text kids[0]
	binaryNode                   // kids[0] text kids[1]
	choiceNode                   // kids[0] ? kids[1] : kids[2]
	functionNode                 // text: its name; kids: parameters, and last its body
	classNode                    // text: its name; kids: bases, and last its body
	blockNode                    // statements
	assignNode                   // kids[0] text kids[1]
)

// maxHeight bounds a tree, so that walking it bounds the stack: of what is higher, the lower part is not looked at.
const maxHeight = 1000

// node is a part of a program. Bytes [start, end) of the text are its own.
type node struct {
	kind       nodeKind
	height     uint16
	start, end int
	text       string
	kids       []*node
}

func newNode(kind nodeKind, text string, start, end int, kids ...*node) *node {
	n := &node{kind: kind, text: text, start: start, end: end, kids: kids}
	for _, kid := range kids {
		n.height = max(n.height, kid.height+1)
	}
	if n.height > maxHeight {
		n.kind, n.kids, n.height = otherNode, nil, 0
	}
	return n
}

// walk calls f for a node and all below it, with what it stands in, from the root on.
func (n *node) walk(f func(n *node, up []*node)) { n.descend(f, nil) }

func (n *node) descend(f func(n *node, up []*node), up []*node) {
	f(n, up)
	up = append(up, n)
	for _, kid := range n.kids {
		kid.descend(f, up)
	}
}

// any says whether f holds of a node or of anything below it.
func (n *node) any(f func(n *node) bool) bool {
	if f(n) {
		return true
	}
	for _, kid := range n.kids {
		if kid.any(f) {
			return true
		}
	}
	return false
}

// pair is the last value of a key in a map, or of a named argument; nil for none. more says that others may come of a spread or a computed key.
func (n *node) pair(key string) (v *node, more bool) {
	if n == nil {
		return nil, false
	}
	for _, kid := range n.kids {
		switch {
		case kid.kind == spreadNode, kid.kind == pairNode && kid.text == "":
			more = true
		case kid.kind == pairNode && kid.text == key:
			v = kid.kids[0]
		}
	}
	return v, more
}

// arguments are those of a call that have no name.
func (n *node) arguments() []*node {
	var all []*node
	for _, kid := range n.kids[1:] {
		if kid.kind != pairNode {
			all = append(all, kid)
		}
	}
	return all
}

// argument is the i-th without a name, or the one with the name; nil for none.
func (n *node) argument(i int, name string) *node {
	if name != "" {
		if v, _ := n.pair(name); v != nil {
			return v
		}
	}
	if all := n.arguments(); i >= 0 && i < len(all) && !spread(all[:i+1]) {
		return all[i]
	}
	return nil
}

func spread(all []*node) bool {
	for _, n := range all {
		if n.kind == spreadNode {
			return true
		}
	}
	return false
}
