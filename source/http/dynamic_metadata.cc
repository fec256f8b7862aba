#include "source/http/dynamic_metadata.h"

#include <cstring>
#include <type_traits>

#include "source/http/stream_info.h"

namespace weir::http {

// The arena runs no destructors.
static_assert(std::is_trivially_destructible_v<DynamicMetadata>);

DynamicMetadata::Entry* DynamicMetadata::entryOf(std::string_view name_space,
                                                 std::string_view key) const {
  for (Entry* entry = first_; entry != nullptr; entry = entry->next) {
    if (entry->key == key && entry->name_space == name_space) return entry;
  }
  return nullptr;
}

DynamicMetadata::Entry* DynamicMetadata::add(std::string_view name_space, std::string_view key) {
  auto* entry = arena_.create<Entry>();
  entry->name_space = arena_.copy(name_space);
  entry->key = arena_.copy(key);
  *end_ = entry;
  end_ = &entry->next;
  ++values_;
  return entry;
}

void DynamicMetadata::keepText(Entry& entry, std::string_view text) {
  if (text.size() > entry.capacity) {
    entry.text = static_cast<char*>(arena_.allocate(text.size(), 1));
    entry.capacity = text.size();
  }
  if (!text.empty()) std::memmove(entry.text, text.data(), text.size());
  entry.value = std::string_view(entry.text, text.size());
}

bool DynamicMetadata::set(std::string_view name_space, std::string_view key, const Value& value) {
  Entry* entry = entryOf(name_space, key);
  const auto* const text = std::get_if<std::string_view>(&value);
  const auto* const nested = std::get_if<const MetadataValue*>(&value);
  size_t needed = entry == nullptr ? name_space.size() + key.size() : 0;
  if (nested != nullptr) {
    needed += sizeof(MetadataValue) + metadataBytes(**nested);
  } else if (text != nullptr && text->size() > (entry == nullptr ? 0 : entry->capacity)) {
    needed += text->size();
  }
  if (needed > kMaxBytes - bytes_ || (entry == nullptr && values_ == kMaxValues)) return false;
  bytes_ += needed;
  if (entry == nullptr) entry = add(name_space, key);
  entry->there = true;
  if (text != nullptr) {
    keepText(*entry, *text);
  } else if (nested != nullptr) {
    entry->value = arena_.create<MetadataValue>(copyMetadata(**nested, arena_));
  } else {
    entry->value = value;
  }
  return true;
}

const DynamicMetadata::Value* DynamicMetadata::find(std::string_view name_space,
                                                    std::string_view key) const {
  const Entry* const entry = entryOf(name_space, key);
  return entry != nullptr && entry->there ? &entry->value : nullptr;
}

void DynamicMetadata::remove(std::string_view name_space, std::string_view key) {
  if (Entry* const entry = entryOf(name_space, key)) entry->there = false;
}

DynamicMetadata& dynamicMetadata(StreamInfo& info, base::Arena& arena) {
  if (info.dynamic_metadata == nullptr) {
    info.dynamic_metadata = arena.create<DynamicMetadata>(arena);
  }
  return *info.dynamic_metadata;
}

}  // namespace weir::http
