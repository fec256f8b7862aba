#include "source/network/client_hello.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "source/base/ascii.h"

namespace weir::network {
namespace {

using Error = ClientHelloError;

constexpr size_t kRecordHeadBytes = 5;
constexpr size_t kMaxRecordBytes = 1 << 14;
constexpr size_t kMessageHeadBytes = 4;
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kMajorVersion = 3;
constexpr uint8_t kMaxMinorVersion = 4;
constexpr uint8_t kClientHelloMessage = 1;
constexpr size_t kRandomBytes = 32;
constexpr size_t kMaxSessionIdBytes = 32;
constexpr size_t kServerNameExtension = 0;
constexpr size_t kAlpnExtension = 16;
constexpr uint8_t kHostName = 0;
constexpr size_t kMaxServerNameBytes = 255;
constexpr size_t kMaxHostNameBytes = 253;
constexpr size_t kMaxLabelBytes = 63;

// Takes numbers and vectors from the front of a message (RFC 8446, 3.4). The first one that does
// not fit leaves nothing behind it that does. Value.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  bool empty() const { return left_.empty(); }
  size_t size() const { return left_.size(); }
  std::optional<std::string_view> bytes(size_t count) {
    if (left_.size() < count) return std::nullopt;
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }
  std::optional<size_t> number(size_t bytes_wide) {
    const auto digits = bytes(bytes_wide);
    if (!digits) return std::nullopt;
    size_t value = 0;
    for (const char digit : *digits) value = value << 8 | static_cast<uint8_t>(digit);
    return value;
  }
  // A vector with its length in `length_bytes` before it.
  std::optional<std::string_view> vector(size_t length_bytes) {
    const auto length = number(length_bytes);
    return length ? bytes(*length) : std::nullopt;
  }

 private:
  std::string_view left_;
};

bool isLabelCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// Labels of letters, digits, hyphens and underscores (which names in use have); the last is no
// number, else it would be an address. `name` is in lower case.
bool isHostName(std::string_view name) {
  if (name.empty() || name.size() > kMaxHostNameBytes) return false;
  size_t label = 0;
  bool digits_only = true;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      digits_only = true;
      continue;
    }
    if (!isLabelCharacter(c) || ++label > kMaxLabelBytes) return false;
    digits_only = digits_only && c >= '0' && c <= '9';
  }
  return label > 0 && !digits_only;
}

// Exactly one host name, as TLS servers insist on (RFC 6066 knows no other kind).
Error readServerName(std::string_view extension, ClientHello& hello) {
  Reader outer(extension);
  const auto list = outer.vector(2);
  if (!list || !outer.empty()) return Error::kBadServerName;
  Reader entries(*list);
  const auto kind = entries.number(1);
  const auto name = entries.vector(2);
  if (!kind || !name || !entries.empty() || *kind != kHostName) return Error::kBadServerName;
  const bool has_nul = name->find('\0') != std::string_view::npos;
  if (name->empty() || name->size() > kMaxServerNameBytes || has_nul) return Error::kBadServerName;
  std::string lower = base::lowered(*name);
  if (lower.back() == '.') lower.pop_back();
  if (isHostName(lower)) hello.server_name = std::move(lower);
  return Error::kNone;
}

// Values that clients make up so that servers stay used to unknown ones (RFC 8701).
bool isGrease(std::string_view protocol) {
  return protocol.size() == 2 && protocol[0] == protocol[1] && (protocol[0] & 0xf) == 0xa;
}

Error readProtocols(std::string_view extension, ClientHello& hello) {
  Reader outer(extension);
  const auto list = outer.vector(2);
  if (!list || list->empty() || !outer.empty()) return Error::kBadProtocols;
  Reader names(*list);
  while (!names.empty()) {
    const auto name = names.vector(1);
    if (!name || name->empty()) return Error::kBadProtocols;
    if (isGrease(*name)) continue;
    if (hello.application_protocols.size() == ClientHelloInspector::kMaxProtocols) {
      return Error::kBadProtocols;
    }
    hello.application_protocols.emplace_back(*name);
  }
  return Error::kNone;
}

Error readExtensions(Reader extensions, ClientHello& hello) {
  bool had_server_name = false;
  bool had_protocols = false;
  while (!extensions.empty()) {
    const auto type = extensions.number(2);
    const auto value = extensions.vector(2);
    if (!type || !value) return Error::kBadHello;
    Error error = Error::kNone;
    if (*type == kServerNameExtension) {
      error = had_server_name ? Error::kRepeated : readServerName(*value, hello);
      had_server_name = true;
    } else if (*type == kAlpnExtension) {
      error = had_protocols ? Error::kRepeated : readProtocols(*value, hello);
      had_protocols = true;
    }
    if (error != Error::kNone) return error;
  }
  return Error::kNone;
}

// `body`: without the head of the message.
Error readHello(std::string_view body, ClientHello& hello) {
  Reader reader(body);
  const auto version = reader.number(2);
  const auto random = reader.bytes(kRandomBytes);
  const auto session = reader.vector(1);
  const auto ciphers = reader.vector(2);
  const auto compressions = reader.vector(1);
  if (!version || !random || !session || !ciphers || !compressions) return Error::kBadHello;
  if (*version >> 8 != kMajorVersion || session->size() > kMaxSessionIdBytes) {
    return Error::kBadHello;
  }
  if (ciphers->empty() || ciphers->size() % 2 != 0 || compressions->empty()) {
    return Error::kBadHello;
  }
  if (reader.empty()) return Error::kNone;  // clients before TLS 1.2 may have no extensions
  const auto extensions = reader.vector(2);
  if (!extensions || !reader.empty()) return Error::kBadHello;
  return readExtensions(Reader(*extensions), hello);
}

}  // namespace

std::string_view clientHelloErrorName(ClientHelloError error) {
  static constexpr std::string_view kNames[kClientHelloErrors] = {
      "none",      "too_long",        "bad_record",    "not_client_hello",
      "bad_hello", "bad_server_name", "bad_protocols", "repeated"};
  return kNames[static_cast<size_t>(error)];
}

ClientHelloInspector::Progress ClientHelloInspector::inspect(std::string_view bytes) {
  if (progress_ == Progress::kNeedMore) progress_ = collect(bytes);
  return progress_;
}

ClientHelloInspector::Progress ClientHelloInspector::collect(std::string_view bytes) {
  while (at_ < bytes.size()) {
    if (record_bytes_ == 0) {
      const Progress head = readRecordHead(bytes.substr(at_));
      if (head != Progress::kNeedMore || record_bytes_ == 0) return head;
    }
    const std::string_view payload = bytes.substr(at_ + kRecordHeadBytes);
    const Progress progress = takePayload(payload.substr(0, record_bytes_));
    if (progress != Progress::kNeedMore || payload.size() < record_bytes_) return progress;
    message_.append(payload.substr(0, record_bytes_));
    at_ += kRecordHeadBytes + record_bytes_;
    record_bytes_ = 0;
  }
  return Progress::kNeedMore;
}

// Sets record_bytes_ when the head is there whole. Judges what is there of it.
ClientHelloInspector::Progress ClientHelloInspector::readRecordHead(std::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const bool first = at_ == 0;
  const bool type_fits = byte(0) == kHandshakeRecord;
  const bool major_fits = bytes.size() < 2 || byte(1) == kMajorVersion;
  const bool minor_fits = bytes.size() < 3 || byte(2) <= kMaxMinorVersion;
  if (!type_fits || !major_fits || !minor_fits) {
    return first ? Progress::kNotTls : fail(Error::kBadRecord);
  }
  if (at_ + kRecordHeadBytes >= kMaxBytes) return fail(Error::kTooLong);
  if (bytes.size() < kRecordHeadBytes) return Progress::kNeedMore;
  const size_t length = static_cast<size_t>(byte(3)) << 8 | byte(4);
  if (length == 0 || length > kMaxRecordBytes) return fail(Error::kBadRecord);
  record_bytes_ = length;
  return Progress::kNeedMore;
}

// `payload`: what is there of the current record. A message within the first one is read in place.
ClientHelloInspector::Progress ClientHelloInspector::takePayload(std::string_view payload) {
  if (message_bytes_ == 0) {
    char head[kMessageHeadBytes];
    const size_t had = std::min(message_.size(), kMessageHeadBytes);
    const size_t more = std::min(payload.size(), kMessageHeadBytes - had);
    std::copy_n(message_.data(), had, head);
    std::copy_n(payload.data(), more, head + had);
    if (had + more > 0 && static_cast<uint8_t>(head[0]) != kClientHelloMessage) {
      return fail(Error::kNotClientHello);
    }
    if (had + more < kMessageHeadBytes) return Progress::kNeedMore;
    const size_t length = *Reader(std::string_view(head + 1, 3)).number(3);
    message_bytes_ = kMessageHeadBytes + length;
    if (message_bytes_ > kMaxHelloBytes) return fail(Error::kTooLong);
  }
  const size_t wanted = std::min(record_bytes_, message_bytes_ - message_.size());
  if (at_ + kRecordHeadBytes + wanted > kMaxBytes) return fail(Error::kTooLong);
  if (message_.size() + payload.size() < message_bytes_) return Progress::kNeedMore;
  if (message_.empty()) return finish(payload.substr(0, message_bytes_));
  message_.append(payload.substr(0, message_bytes_ - message_.size()));
  return finish(message_);
}

ClientHelloInspector::Progress ClientHelloInspector::finish(std::string_view message) {
  const Error error = readHello(message.substr(kMessageHeadBytes), hello_);
  message_ = {};
  return error == Error::kNone ? Progress::kFound : fail(error);
}

ClientHelloInspector::Progress ClientHelloInspector::fail(ClientHelloError error) {
  error_ = error;
  message_ = {};
  hello_ = {};
  return Progress::kMalformed;
}

}  // namespace weir::network
