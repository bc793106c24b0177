package jwt

// VerifyRaw is the primitive under a token, for the test vectors of primitives.
func (k *Key) VerifyRaw(input, sig []byte) bool {
	sc := k.borrow()
	defer k.giveBack(sc)
	return k.verify(sc, input, sig)
}
