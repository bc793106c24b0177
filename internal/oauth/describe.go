package oauth

// Describe is what a scope lets a client do, in a language of the pages ("en", "id", "zh-Hant"); the scope itself where nothing is
// known of it.
func (e *Endpoint) Describe(scope, language string) string {
	return e.Policy.description(scope, language)
}
