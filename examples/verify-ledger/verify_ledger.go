// Verifies a data mesh's ledger with Go's own transparency log packages and nothing of the mesh's code.
//
//	go run verify_ledger.go URL KEYS [ENTRY [EARLIER-NOTE]]
//
// KEYS is a file of verifier keys as `mesh ledger keys -o name` prints them. golang.org/x/mod/sumdb/note opens the checkpoint,
// golang.org/x/mod/sumdb/tlog reads tiles and checks proofs: Debian has both as golang-golang-x-mod-dev.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "does not hold:", err)
		os.Exit(1)
	}
}

func fetch(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, answer.Status)
	}
	return body, err
}

// cosigner is a key of type 4 (C2SP tlog-cosignature), which package note leaves to its callers.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	return ed25519.Verify(c.key, []byte(message), signature[8:])
}

func keys(path string) (all []note.Verifier, cosigners map[string]bool) {
	file, err := os.ReadFile(path)
	check(err)
	cosigners = make(map[string]bool)
	for _, line := range strings.Fields(string(file)) {
		parts := strings.SplitN(line, "+", 3)
		if len(parts) != 3 {
			check(fmt.Errorf("%q is no verifier key", line))
		}
		key, err := base64.StdEncoding.DecodeString(parts[2])
		check(err)
		if len(key) == 33 && key[0] == 4 {
			hash, err := strconv.ParseUint(parts[1], 16, 32)
			check(err)
			all = append(all, cosigner{parts[0], uint32(hash), key[1:]})
			cosigners[parts[0]] = true
			continue
		}
		verifier, err := note.NewVerifier(line)
		check(err)
		all = append(all, verifier)
	}
	return all, cosigners
}

// open verifies every signature by a known key and demands a majority of cosigners and a log key.
func open(bytes []byte, all []note.Verifier, cosigners map[string]bool) (string, tlog.Tree) {
	opened, err := note.Open(bytes, note.VerifierList(all...))
	check(err)
	cosigned, signed := 0, 0
	for _, signature := range opened.Sigs {
		if cosigners[signature.Name] {
			cosigned++
		} else {
			signed++
		}
	}
	if cosigned <= len(cosigners)/2 || signed == 0 {
		check(fmt.Errorf("%d of %d voters cosigned the checkpoint, which is no majority", cosigned, len(cosigners)))
	}
	lines := strings.SplitN(opened.Text, "\n", 4)
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	fmt.Printf("checkpoint: %s, %d entries, cosigned by %d of %d voters\n", lines[0], size, cosigned, len(cosigners))
	return lines[0], tlog.Tree{N: size, Hash: root}
}

// reader serves tlog.TileHashReader from a node; the height is not part of C2SP paths.
type reader string

func (reader) Height() int                         { return height }
func (reader) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (url reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		body, err := fetch(string(url) + "/ledger/" + path)
		if err != nil {
			return nil, err
		}
		all = append(all, body)
	}
	return all, nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: verify_ledger URL KEYS [ENTRY [EARLIER-NOTE]]")
		os.Exit(2)
	}
	url := strings.TrimSuffix(os.Args[1], "/")
	all, cosigners := keys(os.Args[2])
	body, err := fetch(url + "/ledger/checkpoint")
	check(err)
	origin, tree := open(body, all, cosigners)
	// Checks each tile against the tree's root before it hands out a hash of it.
	hashes := tlog.TileHashReader(tree, reader(url))

	index := int64(0)
	for first := int64(0); first < tree.N; first += 256 {
		tile := tlog.Tile{H: height, L: 0, N: first / 256, W: 256}
		if tree.N-first < 256 {
			tile.W = int(tree.N - first)
		}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		bundle, err := fetch(url + "/ledger/" + path)
		check(err)
		for len(bundle) > 0 {
			length := int(binary.BigEndian.Uint16(bundle))
			found, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			check(err)
			if tlog.RecordHash(bundle[2:2+length]) != found[0] {
				check(fmt.Errorf("entry %d is not the one in its tile", index))
			}
			bundle = bundle[2+length:]
			index++
		}
	}
	if index != tree.N {
		check(fmt.Errorf("there are %d entries; the checkpoint says %d", index, tree.N))
	}
	fmt.Printf("tree: %d entries lead to the root that was cosigned\n", index)

	if len(os.Args) > 3 {
		entry, err := strconv.ParseInt(os.Args[3], 10, 64)
		check(err)
		proof, err := tlog.ProveRecord(tree.N, entry, hashes)
		check(err)
		found, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, entry)})
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, entry, found[0]))
		fmt.Printf("inclusion: entry %d is in the tree\n", entry)
	}
	if len(os.Args) > 4 {
		earlier, err := os.ReadFile(os.Args[4])
		check(err)
		oldOrigin, old := open(bytes.TrimLeft(earlier, "\n"), all, cosigners)
		if oldOrigin != origin {
			check(fmt.Errorf("the earlier checkpoint is of %s", oldOrigin))
		}
		proof, err := tlog.ProveTree(tree.N, old.N, hashes)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
		fmt.Printf("consistency: the ledger goes on from the %d entries of the earlier checkpoint\n", old.N)
	}
}
