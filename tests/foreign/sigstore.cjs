// Hands a checkpoint and inclusion proofs to @sigstore/verify; says which it refuses. Reads JSON on stdin:
// {origin, public (DER, base64), keyId (hex), note, proofs: [{index, hashes, body}]}, bytes in base64.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const given = createRequire(join(process.argv[2], "package.json"));
const { crypto } = given("@sigstore/core");
const { verifyCheckpoint } = given("@sigstore/verify/dist/tlog/checkpoint.js");
const { verifyMerkleInclusion } = given("@sigstore/verify/dist/tlog/merkle.js");

const log = JSON.parse(readFileSync(0, "utf8"));
const bytes = (text) => Buffer.from(text, "base64");
const tlogs = [{
  logID: Buffer.from(log.keyId, "hex"),
  publicKey: crypto.createPublicKey(bytes(log.public)),
  baseURL: `https://${log.origin}`,
}];

function judge() {
  let checkpoint;
  try {
    checkpoint = verifyCheckpoint({ inclusionProof: { checkpoint: { envelope: log.note } } }, tlogs);
  } catch (error) {
    return `checkpoint: ${error.message}`;
  }
  for (const proof of log.proofs) {
    const inclusionProof = { logIndex: String(proof.index), hashes: proof.hashes.map(bytes) };
    try {
      verifyMerkleInclusion({ inclusionProof, canonicalizedBody: bytes(proof.body) }, checkpoint);
    } catch (error) {
      return `entry ${proof.index}: ${error.message}`;
    }
  }
  return "";
}

process.stdout.write(JSON.stringify({ refused: judge(), proofs: log.proofs.length }));
