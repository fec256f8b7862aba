#include "source/http/metadata.h"

#include <new>

namespace weir::http {

MetadataValue MetadataValue::list(std::span<const MetadataField> members) {
  return {.kind = Kind::kList, .first = members.data(), .count = members.size()};
}

MetadataValue MetadataValue::structure(std::span<const MetadataField> members) {
  return {.kind = Kind::kStruct, .first = members.data(), .count = members.size()};
}

const MetadataValue* MetadataValue::find(std::string_view key) const {
  if (kind != Kind::kStruct) return nullptr;
  for (const MetadataField& member : members()) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

MetadataValue copyMetadata(const MetadataValue& value, base::Arena& arena) {
  MetadataValue copy = value;
  copy.text = arena.copy(value.text);
  if (value.count == 0) return copy;
  auto* members = static_cast<MetadataField*>(
      arena.allocate(value.count * sizeof(MetadataField), alignof(MetadataField)));
  for (size_t i = 0; i < value.count; ++i) {
    new (members + i) MetadataField{arena.copy(value.first[i].key),  //
                                    copyMetadata(value.first[i].value, arena)};
  }
  copy.first = members;
  return copy;
}

size_t metadataBytes(const MetadataValue& value) {
  size_t bytes = value.text.size() + value.count * sizeof(MetadataField);
  for (const MetadataField& member : value.members()) {
    bytes += member.key.size() + metadataBytes(member.value);
  }
  return bytes;
}

}  // namespace weir::http
