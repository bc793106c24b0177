package guard

// watchers are told when a token that they watch may have been revoked.
type watchers struct{}

// notify tells those whose token an entry may stop. It must not block.
func (w *watchers) notify(es []RevocationEntry) {}

// notifyAll tells everybody, after the list was replaced.
func (w *watchers) notifyAll() {}
