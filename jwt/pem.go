package jwt

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
)

// maxPEM bounds what is read, in bytes.
const maxPEM = 64 << 10

// ParsePEM reads the one key in a PEM file: PUBLIC KEY (PKIX, RFC 5280), PRIVATE KEY (PKCS #8,
// RFC 5958), RSA PUBLIC KEY and RSA PRIVATE KEY (PKCS #1, RFC 8017) or EC PRIVATE KEY (SEC 1, RFC
// 5915). An empty alg is taken from the curve; RSA keys need one. Encrypted keys and certificates
// are not read. kid is as for NewKey. It returns ErrKey or ErrWeakKey.
func ParsePEM(alg Algorithm, kid string, pemBytes []byte) (*Key, error) {
	if len(pemBytes) > maxPEM {
		return nil, because(ErrKey, "PEM is over %d bytes", maxPEM)
	}
	block, rest := pem.Decode(pemBytes)
	if block != nil && block.Type == "EC PARAMETERS" { // which openssl writes before the key
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, because(ErrKey, "no PEM block")
	}
	if more, _ := pem.Decode(rest); more != nil {
		return nil, because(ErrKey, "more than one PEM block")
	}
	material, err := parseDER(block)
	if err != nil {
		return nil, err
	}
	if alg == "" {
		alg = deriveFrom(material)
	}
	return NewKey(alg, kid, material)
}

func parseDER(block *pem.Block) (key any, err error) {
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, because(ErrKey, "PEM block is of a type that is not read")
	}
	if err != nil { // not wrapped: its text may hold parts of the key
		return nil, because(ErrKey, "PEM block is not of the type it says, or encrypted")
	}
	return key, nil
}

// deriveFrom is the algorithm that a key's curve determines, "" where none does.
func deriveFrom(material any) Algorithm {
	if signer, ok := material.(crypto.Signer); ok {
		material = signer.Public()
	}
	for _, f := range publicFields(material) {
		if f.name == "crv" {
			return derive(f.value)
		}
	}
	return ""
}

// PEM writes the public half as PUBLIC KEY (PKIX). An HMAC key has none: ErrKey.
func (k *Key) PEM() ([]byte, error) {
	if k.public == nil {
		return nil, because(ErrKey, "an HMAC key has no public half")
	}
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil, because(ErrKey, "public half cannot be written")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// PrivatePEM writes the key as PRIVATE KEY (PKCS #8), not encrypted. It returns ErrKey for HMAC
// keys, for public ones, and for those whose private half is in a crypto.Signer.
func (k *Key) PrivatePEM() ([]byte, error) {
	if k.private == nil || k.private.signer == nil {
		return nil, because(ErrKey, "key has no private half that PEM can hold")
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.private.signer)
	if err != nil {
		return nil, because(ErrKey, "private half cannot be exported")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
