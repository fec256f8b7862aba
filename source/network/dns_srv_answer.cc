#include "source/network/dns_srv_answer.h"

#include <ares.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace weir::network {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr uint16_t kTypeCname = 5;
constexpr uint16_t kTypeSrv = 33;
constexpr uint16_t kClassInternet = 1;
constexpr size_t kSrvFixedBytes = 6;
constexpr std::chrono::seconds kNoRecord = std::chrono::hours(24 * 365 * 100);

// Walks over a message; every step says whether there was enough of it.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> message) : message_(message) {}

  size_t position() const { return at_; }
  bool skip(size_t bytes) {
    if (message_.size() - at_ < bytes) return false;
    at_ += bytes;
    return true;
  }
  std::optional<uint16_t> u16() {
    const size_t from = at_;
    if (!skip(2)) return std::nullopt;
    return static_cast<uint16_t>(message_[from] << 8 | message_[from + 1]);
  }
  std::optional<uint32_t> u32() {
    const auto high = u16();
    const auto low = u16();
    if (!high || !low) return std::nullopt;
    return static_cast<uint32_t>(*high) << 16 | *low;
  }
  // Over a name as it stands here, without following where it points to.
  bool skipName() {
    while (at_ < message_.size()) {
      const uint8_t length = message_[at_];
      if (length == 0) return skip(1);
      if ((length & 0xc0) == 0xc0) return skip(2);
      if (length > 63 || !skip(size_t{1} + length)) return false;
    }
    return false;
  }

 private:
  std::span<const uint8_t> message_;
  size_t at_ = 0;
};

struct Record {
  uint16_t type;
  uint16_t record_class;
  uint32_t ttl;
  uint16_t bytes;
};

std::optional<Record> readRecord(Reader& reader) {
  if (!reader.skipName()) return std::nullopt;
  const auto type = reader.u16();
  const auto record_class = reader.u16();
  const auto ttl = reader.u32();
  const auto bytes = reader.u16();
  if (!bytes) return std::nullopt;
  return Record{*type, *record_class, *ttl, *bytes};
}

// The name at `position`, which may point to elsewhere in the message, and how long it is there;
// nothing when it is broken.
struct Name {
  std::string text;
  size_t bytes;
};
std::optional<Name> expandName(std::span<const uint8_t> message, size_t position) {
  char* text = nullptr;
  long bytes = 0;
  if (position >= message.size() ||
      ares_expand_name(message.data() + position, message.data(), static_cast<int>(message.size()),
                       &text, &bytes) != ARES_SUCCESS) {
    return std::nullopt;
  }
  const std::unique_ptr<char, void (*)(void*)> owner(text, ares_free_string);
  return Name{text, static_cast<size_t>(bytes)};
}

void toLower(std::string& text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
}

// The record's data stands at the reader, which stays there. False: it is broken.
bool addService(std::span<const uint8_t> message, Reader reader, const Record& record,
                DnsServices& into) {
  if (record.bytes <= kSrvFixedBytes) return false;
  DnsService service;
  service.priority = *reader.u16();
  service.weight = *reader.u16();
  service.port = *reader.u16();
  auto name = expandName(message, reader.position());
  if (!name || name->bytes + kSrvFixedBytes != record.bytes) return false;
  service.target = std::move(name->text);
  toLower(service.target);
  if (service.port == 0 || !checkHostName(service.target).ok()) return true;
  into.services.push_back(std::move(service));
  return true;
}

DnsServices malformed() {
  return {.failure = DnsFailure::kMalformed, .services = {}, .ttl = {}};
}

}  // namespace

std::chrono::seconds dnsTtl(uint32_t seconds) {
  return std::chrono::seconds(seconds > 0x7fffffff ? 0 : seconds);
}

DnsServices parseSrvAnswer(std::span<const uint8_t> answer) {
  Reader reader(answer);
  if (answer.size() < kHeaderBytes) return malformed();
  reader.skip(4);
  const uint16_t questions = *reader.u16();
  const uint16_t answers = *reader.u16();
  reader.skip(4);
  for (int i = 0; i < questions; ++i) {
    if (!reader.skipName() || !reader.skip(4)) return malformed();
  }
  DnsServices result{.failure = DnsFailure::kNone, .services = {}, .ttl = kNoRecord};
  for (int i = 0; i < answers; ++i) {
    const auto record = readRecord(reader);
    const Reader data = reader;
    if (!record || !reader.skip(record->bytes)) return malformed();
    if (record->record_class != kClassInternet) continue;
    if (record->type != kTypeSrv && record->type != kTypeCname) continue;
    result.ttl = std::min(result.ttl, dnsTtl(record->ttl));
    if (record->type == kTypeSrv && !addService(answer, data, *record, result)) return malformed();
  }
  if (result.ttl == kNoRecord) result.ttl = std::chrono::seconds(0);
  if (result.services.empty()) result.failure = DnsFailure::kNoData;
  return result;
}

}  // namespace weir::network
