#include "source/config/metadata_compiler.h"

#include <google/protobuf/map.h>
#include <google/protobuf/struct.pb.h>

#include <map>
#include <span>

namespace weir::config {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;
using http::MetadataField;
using http::MetadataValue;

constexpr int kMaxDepth = 32;
constexpr size_t kMaxBytes = 64 * 1024;

// Borrows texts of what it translates; arrays of members live in `arena`.
class Translation {
 public:
  explicit Translation(base::Arena& arena) : arena_(arena) {}

  bool tooDeep() const { return too_deep_; }

  // In the order of their keys.
  template <class Members>
  MetadataValue structure(const Members& from, int depth) {
    std::map<std::string_view, MetadataValue> sorted;
    for (const auto& [key, value] : from) sorted.emplace(key, translate(value, depth + 1));
    const std::span<MetadataField> members = allocate(sorted.size());
    size_t i = 0;
    for (const auto& [key, value] : sorted) members[i++] = {key, value};
    return MetadataValue::structure(members);
  }

 private:
  std::span<MetadataField> allocate(size_t count) {
    auto* first = static_cast<MetadataField*>(
        arena_.allocate(count * sizeof(MetadataField), alignof(MetadataField)));
    for (size_t i = 0; i < count; ++i) new (first + i) MetadataField();
    return {first, count};
  }
  MetadataValue list(const ListValue& from, int depth) {
    const auto members = allocate(static_cast<size_t>(from.values_size()));
    for (int i = 0; i < from.values_size(); ++i) {
      members[static_cast<size_t>(i)].value = translate(from.values(i), depth + 1);
    }
    return MetadataValue::list(members);
  }
  MetadataValue translate(const Struct& from, int depth) { return structure(from.fields(), depth); }
  MetadataValue translate(const Value& from, int depth) {
    too_deep_ |= depth > kMaxDepth;
    if (too_deep_) return {};
    switch (from.kind_case()) {
      case Value::kBoolValue:
        return MetadataValue::of(from.bool_value());
      case Value::kNumberValue:
        return MetadataValue::of(from.number_value());
      case Value::kStringValue:
        return MetadataValue::of(std::string_view(from.string_value()));
      case Value::kListValue:
        return list(from.list_value(), depth);
      case Value::kStructValue:
        return translate(from.struct_value(), depth);
      default:
        return {};
    }
  }

  base::Arena& arena_;
  bool too_deep_ = false;
};

}  // namespace

std::shared_ptr<const http::Metadata> compileMetadata(
    const google::protobuf::Map<std::string, Struct>& from, const Cursor& at) {
  if (from.empty()) return nullptr;
  base::Arena arena;
  Translation translation(arena);
  const MetadataValue value = translation.structure(from, 0);
  if (translation.tooDeep()) {
    at.error("nests deeper than 32 levels", "make it flatter");
    return nullptr;
  }
  if (http::metadataBytes(value) > kMaxBytes) {
    at.error("has more than 64 KiB", "keep what is large in a file of the script or filter");
    return nullptr;
  }
  return std::make_shared<const http::Metadata>(value);
}

}  // namespace weir::config
