#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "source/base/arena.h"

namespace weir::http {

struct MetadataField;

// What users and filters attach to routes, virtual hosts and exchanges: the values of JSON. Texts
// and members live elsewhere, usually in an arena. Value.
struct MetadataValue {
  enum class Kind : uint8_t { kNull, kBool, kNumber, kText, kList, kStruct };
  Kind kind = Kind::kNull;
  bool flag = false;
  double number = 0;
  std::string_view text = {};
  const MetadataField* first = nullptr;  // of a list or struct
  size_t count = 0;

  static MetadataValue of(bool flag) { return {.kind = Kind::kBool, .flag = flag}; }
  static MetadataValue of(double number) { return {.kind = Kind::kNumber, .number = number}; }
  static MetadataValue of(std::string_view text) { return {.kind = Kind::kText, .text = text}; }
  static MetadataValue of(const char* text) { return of(std::string_view(text)); }
  static MetadataValue list(std::span<const MetadataField> members);
  static MetadataValue structure(std::span<const MetadataField> members);

  // Of a list without keys, of a struct in the order in which they were given; else empty.
  std::span<const MetadataField> members() const;
  // Null: this is no struct, or has no such member.
  const MetadataValue* find(std::string_view key) const;
};

struct MetadataField {
  std::string_view key;
  MetadataValue value;
};

inline std::span<const MetadataField> MetadataValue::members() const {
  return {first, count};
}

// `value` with all that belongs to it, in `arena`.
MetadataValue copyMetadata(const MetadataValue& value, base::Arena& arena);
// How many bytes that takes, about.
size_t metadataBytes(const MetadataValue& value);

// Metadata with the memory that it lives in: a struct whose members are namespaces (names of
// filters), themselves structs. Immutable.
class Metadata {
 public:
  explicit Metadata(const MetadataValue& value) : root_(copyMetadata(value, arena_)) {}
  Metadata(const Metadata&) = delete;
  Metadata& operator=(const Metadata&) = delete;

  const MetadataValue& root() const { return root_; }

 private:
  base::Arena arena_{256};
  MetadataValue root_;
};

}  // namespace weir::http
