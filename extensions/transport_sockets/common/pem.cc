#include "extensions/transport_sockets/common/pem.h"

#include <openssl/base64.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

#include "source/base/concat.h"

namespace weir::extensions::transport_sockets {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr size_t kMaxBlocks = 100'000;
constexpr size_t kMaxLabel = 64;

bool isSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
  return text;
}

absl::Status wrong(size_t line, std::string_view what, std::string_view right) {
  return absl::InvalidArgumentError(base::concat("line ", line, ": ", what, "; ", right));
}

// Cuts a text into lines and counts them.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const size_t end = rest_.find('\n');
    line = trimmed(rest_.substr(0, end));
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++number_;
    return true;
  }
  size_t number() const { return number_; }  // of the line that came last
  // No more than this many bytes come before the next border.
  size_t toBorder() const { return std::min(rest_.size(), rest_.find(kDashes)); }

 private:
  std::string_view rest_;
  size_t number_ = 0;
};

// The label of a border line, or "".
std::string_view labelOf(std::string_view line, std::string_view border) {
  if (!line.starts_with(border) || !line.ends_with(kDashes)) return {};
  if (line.size() <= border.size() + kDashes.size()) return {};
  line.remove_prefix(border.size());
  line.remove_suffix(kDashes.size());
  return line.size() > kMaxLabel ? std::string_view() : line;
}

absl::Status notBase64(const PemBlock& block) {
  return wrong(block.line, base::concat("the block ", block.label, " is not base64"),
               "copy the file again as a whole");
}

absl::Status decode(SecretBytes& base64, PemBlock& block) {
  size_t size = 0;
  SecretBytes der(base64.size() / 4 * 3 + 3);
  if (base64.empty() ||
      EVP_DecodeBase64(der.data(), &size, der.size(), base64.data(), base64.size()) != 1) {
    return notBase64(block);
  }
  der.truncate(size);
  block.der = std::move(der);
  return absl::OkStatus();
}

// Reads from behind BEGIN to END. Header lines ("Proc-Type: …") stand in front, with an empty line
// after them (RFC 1421).
absl::Status readBlock(Lines& lines, PemBlock& block) {
  SecretBytes base64(lines.toBorder());
  size_t size = 0;
  std::string_view line;
  while (lines.next(line)) {
    if (line.starts_with(kEnd)) {
      if (labelOf(line, kEnd) != block.label) {
        return wrong(lines.number(), base::concat("END does not fit BEGIN ", block.label),
                     base::concat("end the block with -----END ", block.label, "-----"));
      }
      base64.truncate(size);
      return decode(base64, block);
    }
    if (line.starts_with(kBegin)) break;
    if (line.find(':') != std::string_view::npos) {
      if (line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED")) block.encrypted = true;
      continue;
    }
    for (const char c : line) {
      if (isSpace(c)) continue;
      if (size == base64.size()) return notBase64(block);  // dashes within a line
      base64.data()[size++] = static_cast<uint8_t>(c);
    }
  }
  return wrong(block.line, base::concat("the block ", block.label, " has no END"),
               "copy the file again as a whole");
}

absl::Status nothing(std::string_view text) {
  if (!text.empty() && text.front() == 0x30) {
    return absl::InvalidArgumentError(
        "is not PEM but looks like DER; convert it with openssl x509 -inform der");
  }
  return absl::InvalidArgumentError("has no PEM block; give a file with -----BEGIN …----- lines");
}

}  // namespace

absl::StatusOr<std::vector<PemBlock>> parsePem(std::string_view text) {
  std::vector<PemBlock> blocks;
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    if (!line.starts_with(kBegin)) continue;
    const std::string_view label = labelOf(line, kBegin);
    if (label.empty()) {
      return wrong(lines.number(), "a BEGIN line without a proper label",
                   "write -----BEGIN CERTIFICATE-----");
    }
    if (blocks.size() == kMaxBlocks) {
      return wrong(lines.number(), "too many blocks", "give the file with what is needed only");
    }
    PemBlock block;
    block.label = std::string(label);
    block.line = lines.number();
    if (auto status = readBlock(lines, block); !status.ok()) return status;
    blocks.push_back(std::move(block));
  }
  if (blocks.empty()) return nothing(text);
  return blocks;
}

}  // namespace weir::extensions::transport_sockets
