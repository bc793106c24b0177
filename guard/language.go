package guard

import (
	"net/http"
	"strings"
)

// languages are what sentences are written in; the first is the default.
var languages = [...]string{"en", "id", "zh-Hant"}

// sentences say what was wrong and what to do, in the order of languages. The
// English ones also stand in error_description, so they are ASCII without
// quotation marks (RFC 6750 section 3).
var sentences = map[Reason][len(languages)]string{
	TokenMissing: {
		"This request needs an access token. Sign in and send the token with the request.",
		"Permintaan ini memerlukan access token. Masuklah lalu kirim token itu bersama permintaan.",
		"此請求需要存取權杖。請先登入,並在請求中附上權杖。",
	},
	TokenInvalid: {
		"The token is not valid here. Sign in again to get a new one.",
		"Token ini tidak sah di sini. Masuklah kembali untuk mendapatkan token baru.",
		"此權杖在這裡無效。請重新登入以取得新的權杖。",
	},
	TokenExpired: {
		"The token has expired. Refresh it or sign in again.",
		"Token ini telah kedaluwarsa. Perbarui token atau masuk kembali.",
		"權杖已過期。請更新權杖或重新登入。",
	},
	TokenNotYetValid: {
		"The token is not valid yet. Check that your clock is right and try again shortly.",
		"Token ini belum berlaku. Periksa apakah jam perangkat Anda tepat, lalu coba lagi sebentar lagi.",
		"權杖尚未生效。請確認您的時鐘正確,稍後再試。",
	},
	TokenRevoked: {
		"The token has been revoked, for example by signing out. Sign in again.",
		"Token ini telah dicabut, misalnya karena Anda sudah keluar. Masuklah kembali.",
		"權杖已被撤銷,例如因為已經登出。請重新登入。",
	},
	TokenWrongType: {
		"This kind of token is not accepted here. Send an access token to the API, and a refresh token only to refresh.",
		"Jenis token ini tidak diterima di sini. Kirim access token ke API, dan refresh token hanya untuk memperbarui.",
		"這裡不接受此類權杖。呼叫 API 請使用存取權杖,更新權杖僅能用於更新。",
	},
	TokenNotFresh: {
		"This action needs a recent sign-in. Sign in again and repeat it.",
		"Tindakan ini memerlukan login yang baru. Masuklah kembali lalu ulangi.",
		"此操作需要最近一次的登入。請重新登入後再試一次。",
	},
	StepUp: {
		"This action needs a stronger sign-in, for example with a second factor. Sign in that way and repeat it.",
		"Tindakan ini memerlukan login yang lebih kuat, misalnya dengan faktor kedua. Masuklah dengan cara itu lalu ulangi.",
		"此操作需要更高強度的登入,例如使用第二因素。請以該方式登入後再試一次。",
	},
	ProofInvalid: {
		"The proof that the token is yours is missing or not valid. Make a new DPoP proof for this request.",
		"Bukti bahwa token ini milik Anda tidak ada atau tidak sah. Buat DPoP proof baru untuk permintaan ini.",
		"缺少持有權杖的證明,或證明無效。請為此請求建立新的 DPoP 證明。",
	},
	ProofNonce: {
		"The proof needs the nonce of this answer. Repeat the request with it.",
		"Bukti ini memerlukan nonce dari jawaban ini. Ulangi permintaan dengan nonce tersebut.",
		"證明需要此回應所附的 nonce。請使用該 nonce 重新傳送請求。",
	},
	CSRFFailed: {
		"The request could not be confirmed to come from this site. Reload the page and try again.",
		"Permintaan ini tidak terbukti berasal dari situs ini. Muat ulang halaman lalu coba lagi.",
		"無法確認此請求來自本網站。請重新載入頁面後再試一次。",
	},
	Forbidden: {
		"You are signed in but may not do this. Ask an administrator if you need access.",
		"Anda sudah masuk, tetapi tidak berhak melakukan ini. Hubungi administrator bila Anda memerlukan akses.",
		"您已登入,但沒有執行此操作的權限。如需權限,請聯絡管理員。",
	},
	InvalidRequest: {
		"The token could not be read from the request. Send exactly one token, in one place, in the right form.",
		"Token tidak dapat dibaca dari permintaan ini. Kirim tepat satu token, di satu tempat, dalam bentuk yang benar.",
		"無法從請求中讀取權杖。請只在一個位置、以正確的格式傳送一個權杖。",
	},
	Unavailable: {
		"The token cannot be checked at the moment. Wait a few seconds and try again.",
		"Token tidak dapat diperiksa saat ini. Tunggu beberapa detik lalu coba lagi.",
		"目前無法檢查權杖。請稍候幾秒再試。",
	},
}

// Message is the sentence for a person, in a language that Language returns;
// in English for any other.
func (e *Error) Message(language string) string {
	s, ok := sentences[e.Reason]
	if !ok {
		s = sentences[Forbidden]
	}
	for i, l := range languages {
		if l == language {
			return s[i]
		}
	}
	return s[0]
}

const mostLanguages = 32

// Language is the one of "en", "id" and "zh-Hant" that the caller likes best by
// Accept-Language (RFC 9110 section 12.5.4); "en" where none is liked. Any
// Chinese is "zh-Hant", and "in", the old code of Indonesian, is "id". Of a long header the
// beginning counts: 32 languages, of each line the first KiB.
func Language(r *http.Request) string {
	var quality [len(languages)]int // in thousandths, plus 1; 0 is not named
	var first [len(languages)]int   // where in the header: earlier wins a tie
	star, starAt, at := 0, 0, 0
	lines := r.Header["Accept-Language"]
	for _, line := range lines[:min(len(lines), mostLanguages)] {
		for part := range strings.SplitSeq(line[:min(len(line), 1<<10)], ",") {
			if at++; at > mostLanguages { // a stranger can send a megabyte, and each refusal is written by it
				break
			}
			tag, params, _ := strings.Cut(part, ";")
			q, ok := parseQuality(params)
			if tag = strings.TrimSpace(tag); tag == "*" && ok {
				star, starAt = q+1, at
			} else if i := languageIndex(tag); ok && i >= 0 && q+1 > quality[i] {
				quality[i], first[i] = q+1, at
			}
		}
	}
	best, bestQuality, bestAt := 0, 1, 0
	for i := range languages {
		if quality[i] == 0 {
			quality[i], first[i] = star, starAt
		}
		if quality[i] > bestQuality || quality[i] == bestQuality && bestQuality > 1 && first[i] < bestAt {
			best, bestQuality, bestAt = i, quality[i], first[i]
		}
	}
	return languages[best]
}

// languageIndex is the language of a tag by its first subtag, -1 for others.
func languageIndex(tag string) int {
	primary, _, _ := strings.Cut(tag, "-")
	switch {
	case strings.EqualFold(primary, "en"):
		return 0
	case strings.EqualFold(primary, "id"), strings.EqualFold(primary, "in"):
		return 1
	case strings.EqualFold(primary, "zh"):
		return 2
	}
	return -1
}

// parseQuality reads "q=0.8" in thousandths (RFC 9110 section 12.4.2); 1000
// where there is no parameter.
func parseQuality(params string) (q int, ok bool) {
	params = strings.TrimSpace(params)
	if params == "" {
		return 1000, true
	}
	if len(params) < 3 || len(params) > 7 || params[0]|0x20 != 'q' || params[1] != '=' {
		return 0, false
	}
	digits := params[2:]
	if digits[0] != '0' && digits[0] != '1' || len(digits) > 1 && digits[1] != '.' {
		return 0, false
	}
	q = int(digits[0]-'0') * 1000
	for i, unit := 2, 100; i < len(digits); i, unit = i+1, unit/10 {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		q += int(digits[i]-'0') * unit
	}
	return q, q <= 1000
}
