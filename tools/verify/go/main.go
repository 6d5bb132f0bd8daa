// Command verify_receipt verifies a Gatehold receipt offline, with the note and tree code of Go's checksum database.
//
//	verify_receipt RECEIPT KEY
//
// RECEIPT is a .tlog-proof file, KEY the log's verifier key (origin+id+base64). It prints one line; exit code 0 means
// that the log signed a tree head under which exactly this record stands. It does not show that anything was executed,
// or what has been revoked since. It must share no code with the gate: that is its worth.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const receiptBytesMax = 256 * 1024

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: verify_receipt RECEIPT KEY")
		os.Exit(2)
	}
	receipt, err := read(os.Args[1])
	if err == nil {
		var proven string
		if proven, err = verify(receipt, os.Args[2]); err == nil {
			fmt.Println("verified:", proven)
			return
		}
	}
	fmt.Println("refused:", err)
	os.Exit(1)
}

// verify returns a line about what was proven.
func verify(receipt, keyText string) (string, error) {
	proofText, noteText, ok := strings.Cut(receipt, "\n\n")
	lines := strings.Split(proofText, "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return "", errors.New("not a tlog-proof@v1 file")
	}
	opening, err := unbase64(lines[1], "extra ")
	if err != nil {
		return "", err
	}
	index, err := number(lines[2], "index ")
	if err != nil {
		return "", err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := unhash(line)
		if err != nil {
			return "", err
		}
		proof = append(proof, hash)
	}

	head, err := openHead(noteText, keyText)
	if err != nil {
		return "", err
	}

	// The leaf is made from the record shown, never read from the file.
	if len(opening) < 35 || opening[0] != 1 {
		return "", errors.New("the extra line is not an opening")
	}
	kind, record := binary.BigEndian.Uint16(opening[1:3]), opening[35:]
	commitment := sha256.Sum256(append([]byte("gatehold/leaf/v1\x00"), opening[3:]...))
	leaf := append(append([]byte{}, opening[:3]...), commitment[:]...)
	if index >= head.size {
		return "", errors.New("the index is outside the tree")
	}
	if err := tlog.CheckRecord(proof, head.size, head.root, index, tlog.RecordHash(leaf)); err != nil {
		return "", errors.New("the record is not in the tree at that index")
	}
	return fmt.Sprintf("leaf %d of %d in %s, kind %d, record sha256:%x",
		index, head.size, head.origin, kind, sha256.Sum256(record)), nil
}

type treeHead struct {
	origin string
	size   int64
	root   tlog.Hash
}

// openHead returns the tree head that the key's owner signed.
func openHead(noteText, keyText string) (treeHead, error) {
	verifier, err := note.NewVerifier(keyText)
	if err != nil {
		return treeHead{}, err
	}
	opened, err := note.Open([]byte(noteText), note.VerifierList(verifier))
	if err != nil {
		return treeHead{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return treeHead{}, errors.New("the tree head is not origin, size and root")
	}
	if lines[0] != verifier.Name() {
		return treeHead{}, errors.New("the tree head is of another log")
	}
	size, err := number(lines[1], "")
	if err != nil {
		return treeHead{}, err
	}
	root, err := unhash(lines[2])
	return treeHead{lines[0], size, root}, err
}

func read(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	bytes, err := io.ReadAll(io.LimitReader(file, receiptBytesMax+1))
	if err == nil && len(bytes) > receiptBytesMax {
		err = errors.New("the file is longer than any receipt")
	}
	return string(bytes), err
}

// number reads digits without sign and leading zero after the name.
func number(line, name string) (int64, error) {
	text := strings.TrimPrefix(line, name)
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || name+strconv.FormatInt(value, 10) != line || value < 0 {
		return 0, fmt.Errorf("a number is malformed: %q", line)
	}
	return value, nil
}

func unhash(text string) (hash tlog.Hash, err error) {
	bytes, err := unbase64(text, "")
	if err == nil && copy(hash[:], bytes) != len(bytes) || len(bytes) != len(hash) {
		err = errors.New("a hash is not 32 bytes long")
	}
	return hash, err
}

// unbase64 reads the one spelling of some bytes after the name.
func unbase64(line, name string) ([]byte, error) {
	text := strings.TrimPrefix(line, name)
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil || name+base64.StdEncoding.EncodeToString(bytes) != line {
		return nil, errors.New("base64 or its field is malformed")
	}
	return bytes, nil
}
