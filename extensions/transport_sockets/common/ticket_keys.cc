#include "extensions/transport_sockets/common/ticket_keys.h"

#include <openssl/aead.h>
#include <openssl/base64.h>
#include <openssl/digest.h>
#include <openssl/hkdf.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

#include "extensions/transport_sockets/common/secret_bytes.h"
#include "extensions/transport_sockets/common/x509_text.h"
#include "source/base/concat.h"

namespace weir::extensions::transport_sockets {
namespace {

constexpr size_t kLongKey = 80;   // name (16), two secrets of 32
constexpr size_t kShortKey = 48;  // name (16), two secrets of 16
constexpr size_t kAeadKeySize = 32;
constexpr size_t kTagSize = 16;
constexpr size_t kMaxKeyFileBytes = 64 * 1024;

absl::Status wrong(std::string_view what) {
  return absl::InvalidArgumentError(
      base::concat(what,
                   "; write keys of 80 random bytes (openssl rand 80), one after the other, "
                   "or one in base64 per line"));
}

int contextIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

const TicketKeys& keysOf(const SSL* ssl) {
  return *static_cast<const TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), contextIndex()));
}

size_t maxOverhead(SSL*) {
  return TicketKeys::kOverhead;
}

int sealTicket(SSL* ssl, uint8_t* out, size_t* out_size, size_t max_out, const uint8_t* in,
               size_t in_size) {
  return keysOf(ssl).seal({in, in_size}, {out, max_out}, *out_size) ? 1 : 0;
}

ssl_ticket_aead_result_t openTicket(SSL* ssl, uint8_t* out, size_t* out_size, size_t max_out,
                                    const uint8_t* in, size_t in_size) {
  return keysOf(ssl).open({in, in_size}, {out, max_out}, *out_size) ? ssl_ticket_aead_success
                                                                    : ssl_ticket_aead_ignore_ticket;
}

constexpr SSL_TICKET_AEAD_METHOD kMethod = {maxOverhead, sealTicket, openTicket};

std::span<const uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

bool isText(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](char c) { return (c >= ' ' && c < 0x7f) || c == '\n' || c == '\r'; });
}

}  // namespace

// One named key. Immutable.
class TicketKeys::Key {
 public:
  // `bytes`: kLongKey or kShortKey of them.
  static std::shared_ptr<const Key> create(std::span<const uint8_t> bytes) {
    const ErrorQueueScope errors;
    std::shared_ptr<Key> key(new Key());
    std::copy_n(bytes.begin(), kNameSize, key->name_.begin());
    const auto secret = bytes.subspan(kNameSize);
    constexpr std::string_view kPurpose = "weir session ticket";
    uint8_t derived[kAeadKeySize];
    const bool made =
        HKDF(derived, sizeof derived, EVP_sha256(), secret.data(), secret.size(), key->name_.data(),
             key->name_.size(), bytesOf(kPurpose).data(), kPurpose.size()) == 1 &&
        EVP_AEAD_CTX_init(key->aead_.get(), EVP_aead_aes_256_gcm_siv(), derived, sizeof derived,
                          kTagSize, nullptr) == 1;
    OPENSSL_cleanse(derived, sizeof derived);
    return made ? std::shared_ptr<const Key>(std::move(key)) : nullptr;
  }
  ~Key() {
    EVP_AEAD_CTX_cleanup(aead_.get());
    OPENSSL_cleanse(aead_.get(), sizeof(EVP_AEAD_CTX));
    EVP_AEAD_CTX_zero(aead_.get());
  }

  std::span<const uint8_t> name() const { return name_; }
  const EVP_AEAD_CTX* aead() const { return aead_.get(); }

 private:
  Key() = default;
  std::array<uint8_t, kNameSize> name_{};
  bssl::ScopedEVP_AEAD_CTX aead_;
};

TicketKeys::~TicketKeys() = default;

absl::StatusOr<std::shared_ptr<TicketKeys>> TicketKeys::create(const TicketKeyOptions& options,
                                                               event::SystemTime now) {
  std::shared_ptr<TicketKeys> keys(new TicketKeys(options));
  if (!options.file.empty()) {
    if (auto status = keys->reload(now); !status.ok()) return status;
    return keys;
  }
  keys->addRandomKey(now);
  return keys;
}

void TicketKeys::install(SSL_CTX& context) {
  SSL_CTX_set_ex_data(&context, contextIndex(), this);
  SSL_CTX_set_ticket_aead_method(&context, &kMethod);
}

std::shared_ptr<const TicketKeys::Ring> TicketKeys::ring() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ring_;
}

void TicketKeys::replace(Ring ring, event::SystemTime since) {
  auto fresh = std::make_shared<const Ring>(std::move(ring));
  const std::lock_guard<std::mutex> lock(mutex_);
  ring_.swap(fresh);
  since_ = since;
}

bool TicketKeys::seal(std::span<const uint8_t> in, std::span<uint8_t> out, size_t& written) const {
  const ErrorQueueScope errors;
  const std::shared_ptr<const Ring> ring = this->ring();
  if (out.size() < in.size() + kOverhead) return false;
  const Key& key = *ring->front();
  // `in` may be the very start of `out`: sealed in place, then moved behind the header.
  uint8_t header[kNameSize + kNonceSize];
  std::copy(key.name().begin(), key.name().end(), header);
  uint8_t* const nonce = header + kNameSize;
  RAND_bytes(nonce, kNonceSize);
  size_t sealed = 0;
  if (EVP_AEAD_CTX_seal(key.aead(), out.data(), &sealed, out.size() - sizeof header, nonce,
                        kNonceSize, in.data(), in.size(), header, kNameSize) != 1) {
    return false;
  }
  std::copy_backward(out.begin(), out.begin() + static_cast<ptrdiff_t>(sealed),
                     out.begin() + static_cast<ptrdiff_t>(sealed + sizeof header));
  std::copy(header, header + sizeof header, out.begin());
  written = sealed + sizeof header;
  return true;
}

bool TicketKeys::open(std::span<const uint8_t> ticket, std::span<uint8_t> out,
                      size_t& written) const {
  const ErrorQueueScope errors;
  if (ticket.size() < kOverhead) return false;
  const std::shared_ptr<const Ring> ring = this->ring();
  const auto name = ticket.first(kNameSize);
  const auto nonce = ticket.subspan(kNameSize, kNonceSize);
  const auto sealed = ticket.subspan(kNameSize + kNonceSize);
  // When both are the same bytes, what is sealed is opened where it stands and then moved.
  const bool in_place = out.data() == ticket.data() && out.size() >= ticket.size();
  const auto target = in_place ? out.subspan(kNameSize + kNonceSize) : out;
  for (const auto& key : *ring) {
    if (!std::equal(name.begin(), name.end(), key->name().begin())) continue;
    const bool opened =
        EVP_AEAD_CTX_open(key->aead(), target.data(), &written, target.size(), nonce.data(),
                          kNonceSize, sealed.data(), sealed.size(), name.data(), kNameSize) == 1;
    if (opened && in_place) std::copy_n(target.begin(), written, out.begin());
    return opened;
  }
  return false;
}

void TicketKeys::addRandomKey(event::SystemTime now) {
  SecretBytes bytes(kLongKey);
  RAND_bytes(bytes.data(), bytes.size());
  Ring fresh{Key::create(bytes.span())};
  if (const auto old = ring(); old != nullptr) {
    const size_t kept = std::min<size_t>(old->size(), options_.keep);
    fresh.insert(fresh.end(), old->begin(), old->begin() + static_cast<ptrdiff_t>(kept));
  }
  replace(std::move(fresh), now);
}

bool TicketKeys::rotateIfDue(event::SystemTime now) {
  if (!options_.file.empty() || age(now) < options_.rotation) return false;
  addRandomKey(now);
  return true;
}

absl::Status TicketKeys::reload(event::SystemTime now) {
  auto bytes = readFile(options_.file, kMaxKeyFileBytes);
  if (!bytes.ok()) return bytes.status();
  auto ring = parseFile(bytes->view());
  if (!ring.ok()) {
    return absl::InvalidArgumentError(base::concat(options_.file, ": ", ring.status().message()));
  }
  const auto old = this->ring();
  const bool same_first =
      old != nullptr && std::equal(old->front()->name().begin(), old->front()->name().end(),
                                   ring->front()->name().begin());
  replace(*std::move(ring), same_first ? since_ : now);
  return absl::OkStatus();
}

absl::StatusOr<TicketKeys::Ring> TicketKeys::parseFile(std::string_view bytes) {
  return isText(bytes) ? parseLines(bytes) : parseBinary(bytesOf(bytes));
}

absl::StatusOr<TicketKeys::Ring> TicketKeys::parseBinary(std::span<const uint8_t> bytes) {
  const size_t size = bytes.size() % kLongKey == 0 ? kLongKey : kShortKey;
  if (bytes.empty() || bytes.size() % size != 0) {
    return wrong(base::concat("has ", bytes.size(), " bytes, which are no whole keys"));
  }
  Ring ring;
  for (size_t at = 0; at < bytes.size(); at += size) {
    if (auto status = addKey(bytes.subspan(at, size), ring); !status.ok()) return status;
  }
  return ring;
}

absl::StatusOr<TicketKeys::Ring> TicketKeys::parseLines(std::string_view text) {
  Ring ring;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    size_t size = 0;
    SecretBytes key(line.size());
    const auto base64 = bytesOf(line);
    if (EVP_DecodeBase64(key.data(), &size, key.size(), base64.data(), base64.size()) != 1 ||
        (size != kLongKey && size != kShortKey)) {
      return wrong(base::concat("line ", number, " is no key in base64"));
    }
    if (auto status = addKey(key.span().first(size), ring); !status.ok()) return status;
  }
  if (ring.empty()) return wrong("has no key");
  return ring;
}

absl::Status TicketKeys::addKey(std::span<const uint8_t> bytes, Ring& ring) {
  if (ring.size() == kMaxKeys) return wrong(base::concat("has more than ", kMaxKeys, " keys"));
  if (std::all_of(bytes.begin(), bytes.end(), [&](uint8_t byte) { return byte == bytes[0]; })) {
    return wrong(base::concat("key ", ring.size() + 1, " is one byte repeated, not random"));
  }
  for (const auto& other : ring) {
    if (std::equal(other->name().begin(), other->name().end(), bytes.begin())) {
      return wrong(base::concat("key ", ring.size() + 1, " has the name of an earlier one"));
    }
  }
  auto key = Key::create(bytes);
  if (key == nullptr) return absl::ResourceExhaustedError("no memory for a ticket key");
  ring.push_back(std::move(key));
  return absl::OkStatus();
}

std::chrono::seconds TicketKeys::age(event::SystemTime now) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::chrono::duration_cast<std::chrono::seconds>(now - since_);
}

size_t TicketKeys::keyCount() const {
  return ring()->size();
}

std::vector<std::string> TicketKeys::names() const {
  std::vector<std::string> names;
  for (const auto& key : *ring()) names.push_back(hexText(key->name()));
  return names;
}

absl::StatusOr<size_t> TicketKeys::countKeys(std::string_view bytes) {
  const auto ring = parseFile(bytes);
  if (!ring.ok()) return ring.status();
  return ring->size();
}

}  // namespace weir::extensions::transport_sockets
