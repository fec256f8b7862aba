#pragma once

#include <cstddef>
#include <string_view>
#include <variant>

#include "source/base/arena.h"
#include "source/http/metadata.h"

namespace weir::http {

struct StreamInfo;

// What filters have found out about one exchange, for each other, for balancing and for logs: few
// values by namespace (a filter's name) and key. Lives in the stream's arena, made when the first
// value is set. Worker-confined.
class DynamicMetadata {
 public:
  // Lists and structs are a MetadataValue; texts, numbers and booleans are themselves.
  using Value = std::variant<std::string_view, double, bool, const MetadataValue*>;
  // Of names and texts together, with what replaced ones leave behind.
  static constexpr size_t kMaxBytes = 64 * 1024;
  static constexpr size_t kMaxValues = 256;

  explicit DynamicMetadata(base::Arena& arena) : arena_(arena) {}
  DynamicMetadata(const DynamicMetadata&) = delete;
  DynamicMetadata& operator=(const DynamicMetadata&) = delete;

  // Texts, lists and structs are copied; what is null in them stays. False, and nothing changed,
  // when there is no room for more.
  bool set(std::string_view name_space, std::string_view key, const Value& value);
  // Texts are good until the value is set again. Null: none.
  const Value* find(std::string_view name_space, std::string_view key) const;
  void remove(std::string_view name_space, std::string_view key);
  // visit(name_space, key, value), in the order in which they were first set; changes nothing here.
  template <class F>
  void forEach(F&& visit) const {
    for (const Entry* entry = first_; entry != nullptr; entry = entry->next) {
      if (entry->there) visit(entry->name_space, entry->key, entry->value);
    }
  }

 private:
  struct Entry {
    std::string_view name_space;
    std::string_view key;
    Value value = false;
    bool there = false;
    char* text = nullptr;  // of the value, when it is one, or was
    size_t capacity = 0;
    Entry* next = nullptr;
  };
  Entry* entryOf(std::string_view name_space, std::string_view key) const;
  Entry* add(std::string_view name_space, std::string_view key);
  void keepText(Entry& entry, std::string_view text);

  base::Arena& arena_;
  Entry* first_ = nullptr;
  Entry** end_ = &first_;
  size_t values_ = 0;
  size_t bytes_ = 0;
};

// That of the exchange; made in `arena`, the stream's, when there is none yet.
DynamicMetadata& dynamicMetadata(StreamInfo& info, base::Arena& arena);

}  // namespace weir::http
