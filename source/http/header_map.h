#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "source/base/arena.h"

namespace weir::http {

// Field names that the proxy itself looks at. Recognised once, when a field is added; reached by
// index afterwards. kOther: any other name. The order is alphabetical after kOther.
enum class HeaderId : uint8_t {
  kOther,
  kAccept,
  kAcceptEncoding,
  kAuthorization,
  kCacheControl,
  kConnection,
  kContentEncoding,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kETag,
  kExpect,
  kHost,
  kIfModifiedSince,
  kIfNoneMatch,
  kKeepAlive,
  kLastModified,
  kLocation,
  kProxyConnection,
  kRange,
  kReferer,
  kServer,
  kSetCookie,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVary,
  kVia,
  kXForwardedClientCert,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXRequestId,
  kCount,
};

// The canonical lower-case name; empty for kOther.
std::string_view headerName(HeaderId id);
// Case-insensitive; kOther when not known.
HeaderId headerId(std::string_view name);

// The fields of one message, in order, names case-insensitive and kept as they came. Names and
// values are views into an Arena that the message owns: they stay valid until the message is
// cleared, also when fields are added or removed. Worker-confined. Allocates nothing in the steady
// state of a reused message.
class HeaderMap {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
    HeaderId id = HeaderId::kOther;
    bool removed = false;  // skipped by everything; kept so that indices stay
    bool line = false;     // "name: value\r\n" stands in memory in one piece, from name.data() on
    bool never_indexed =
        false;  // came in HPACK's form for secrets, and goes on so (RFC 7541 7.1.3)
  };

  explicit HeaderMap(base::Arena& arena) : arena_(&arena) { first_.fill(kNone); }
  HeaderMap(const HeaderMap&) = delete;
  HeaderMap& operator=(const HeaderMap&) = delete;

  base::Arena& arena() { return *arena_; }
  // Fields that are not removed.
  size_t size() const { return live_; }
  bool empty() const { return live_ == 0; }
  // Sum of name and value lengths of what is not removed.
  size_t byteSize() const { return bytes_; }
  void clear() {
    if (used_ > 0) reset();
  }

  // First value, or empty; `has` tells empty from absent.
  std::string_view get(HeaderId id) const {
    const uint16_t index = first_[static_cast<size_t>(id)];
    return index == kNone ? std::string_view() : fields_[index].value;
  }
  std::string_view get(std::string_view name) const;
  bool has(HeaderId id) const { return first_[static_cast<size_t>(id)] != kNone; }
  bool has(std::string_view name) const;
  size_t count(HeaderId id) const;
  size_t count(std::string_view name) const;

  // Copies name and value into the arena.
  void add(std::string_view name, std::string_view value);
  void add(HeaderId id, std::string_view value);
  // Takes views that already live as long as the arena's content (parsers; static strings).
  void addView(HeaderId id, std::string_view name, std::string_view value) {
    append(id, name, value, /*line=*/false);
  }
  // The same for a field that stands there as "name: value\r\n": it is written in one piece.
  void addLine(HeaderId id, std::string_view name, std::string_view value) {
    append(id, name, value, /*line=*/true);
  }
  // The field that was added last, or for `id` the first one, is a secret.
  void markLastNeverIndexed() {
    if (used_ > 0) fields_[used_ - 1].never_indexed = true;
  }
  void markNeverIndexed(HeaderId id) {
    if (has(id)) fields_[first_[static_cast<size_t>(id)]].never_indexed = true;
  }
  // Replaces the first and removes the others; adds when there is none.
  void set(HeaderId id, std::string_view value);
  void set(std::string_view name, std::string_view value);
  // The same with a value that already lives as long as the arena's content.
  void setView(HeaderId id, std::string_view value);
  // Returns how many were removed.
  size_t remove(HeaderId id) { return has(id) ? removeAll(id) : 0; }
  size_t remove(std::string_view name);

  // for (const HeaderMap::Field& f : map.fields()) if (!f.removed) …
  std::span<const Field> fields() const { return {fields_.get(), used_}; }
  template <class F>
  void forEach(F&& visit) const {
    for (const Field& field : fields()) {
      if (!field.removed) visit(field);
    }
  }
  // Only fields of that name. `visit` may remove fields, not add any.
  template <class F>
  void forEach(HeaderId id, F&& visit) const {
    const uint16_t first = first_[static_cast<size_t>(id)];
    if (first == kNone) return;
    if (!repeated(id)) return visit(fields_[first]);
    for (size_t i = first; i < used_; ++i) {
      if (!fields_[i].removed && fields_[i].id == id) visit(fields_[i]);
    }
  }
  // Removes every field for which `predicate(field)` holds.
  template <class P>
  void removeIf(P&& predicate) {
    for (size_t i = 0; i < used_; ++i) {
      if (!fields_[i].removed && predicate(static_cast<const Field&>(fields_[i]))) removeAt(i);
    }
  }

 private:
  static constexpr uint16_t kNone = 0xffff;
  static_assert(static_cast<size_t>(HeaderId::kCount) <= 64, "repeated_ has a bit for each");

  void append(HeaderId id, std::string_view name, std::string_view value, bool line) {
    if (used_ == capacity_ && !grow()) return;
    if (id != HeaderId::kOther) {
      uint16_t& first = first_[static_cast<size_t>(id)];
      if (first == kNone) {
        first = static_cast<uint16_t>(used_);
      } else {
        repeated_ |= uint64_t{1} << static_cast<unsigned>(id);
      }
    }
    Field& field = fields_[used_++];  // each in its place: a whole one would be copied there
    field.name = name;
    field.value = value;
    field.id = id;
    field.removed = false;
    field.line = line;
    field.never_indexed = false;
    ++live_;
    bytes_ += name.size() + value.size();
  }
  // False when there are more fields than any codec's limit lets through.
  bool grow();
  void reset();
  void replace(size_t index, std::string_view value);
  void removeAt(size_t index);
  size_t removeAll(HeaderId id);
  bool repeated(HeaderId id) const { return (repeated_ >> static_cast<unsigned>(id) & 1) != 0; }
  // Index of the first such field at or after `from`; kNone: none.
  uint16_t find(std::string_view name, size_t from) const;

  base::Arena* arena_;
  std::unique_ptr<Field[]> fields_;  // kept by clear()
  size_t capacity_ = 0;
  size_t used_ = 0;
  size_t live_ = 0;
  size_t bytes_ = 0;
  uint64_t repeated_ = 0;  // ids that were added while they were there: others need no search
  std::array<uint16_t, static_cast<size_t>(HeaderId::kCount)> first_;
};

}  // namespace weir::http
