#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

#include "source/base/regex.h"
#include "source/base/string_map.h"
#include "source/router/path_trie.h"
#include "source/router/route_table.h"
#include "source/router/template_trie.h"

namespace weir::router {

// Finds, of a list of path matches that all differ, those that hold for a path, at a cost that
// depends on the path's length and not on the length of the list: exact paths by hash, prefixes in
// a PathTrie, templates in a TemplateTrie, regular expressions in one set that is only asked when
// one of them stands before the best of the others. Immutable.
class PathIndex {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  // Decides on routes whose path matches. Worker-confined.
  class Judge {
   public:
    // The smallest route that `route` stands for and that is to be taken, or `best`, if that is
    // smaller or there is none.
    virtual uint32_t judge(uint32_t route, uint32_t best) = 0;

   protected:
    ~Judge() = default;
  };

  // `listed` says which of the routes are in the list. The error says which route (by position) and
  // what is wrong.
  static absl::StatusOr<PathIndex> build(std::span<const RouteEntry> routes,
                                         std::span<const uint32_t> listed);

  // The first route that matches, or kNone. Does not allocate, but for what RE2 needs.
  uint32_t match(std::string_view path) const;
  // The smallest that `judge` says of those that match, or kNone.
  uint32_t match(std::string_view path, Judge& judge) const;

 private:
  struct FoldedHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const;
  };
  struct FoldedEqual {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const {
      return base::equalsIgnoreCase(a, b);
    }
  };
  class Builder;

  PathIndex() = default;
  template <class Accept>
  void find(std::string_view path, uint32_t& best, Accept&& accept) const;
  template <class Accept>
  void findOthers(std::string_view path, uint32_t& best, Accept& accept) const;
  template <class Accept>
  void findRegexes(std::string_view path, uint32_t& best, Accept& accept) const;

  base::StringMap<uint32_t> exact_;
  PathTrie prefixes_;
  std::vector<base::RegexSet> regexes_;  // none or one
  std::vector<uint32_t> regex_routes_;   // ascending
  // What most tables do not have.
  bool others_ = false;
  absl::flat_hash_map<std::string, uint32_t, FoldedHash, FoldedEqual> folded_exact_;
  PathTrie folded_prefixes_;
  TemplateTrie templates_;
  TemplateTrie folded_templates_;
};

}  // namespace weir::router
