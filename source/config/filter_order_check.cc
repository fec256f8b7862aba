#include "source/config/filter_order_check.h"

#include <string>

#include "source/base/concat.h"

namespace weir::config {
namespace {

using base::concat;

// All filters of one connection manager. Main-thread only.
class OrderCheck {
 public:
  OrderCheck(std::span<const Compiler::HttpFilter> filters, const std::set<uint32_t>& routed,
             const Cursor& at)
      : filters_(filters), routed_(routed), at_(at) {}

  void check(size_t index) {
    if (filters_[index].extension == nullptr) return;  // what is wrong has been said
    checkName(index);
    checkOnce(index);
    checkFirst(index);
    checkLast(index);
    checkNeighbours(index);
  }

 private:
  Cursor place(size_t index) const { return at_.at("http_filters", static_cast<int>(index)); }
  std::string_view extension(size_t index) const {
    const HttpFilterExtension* const extension = filters_[index].extension;
    return extension == nullptr ? std::string_view() : extension->name();
  }
  // "http_filters[2] (cache)", "http_filters[2] (cache, named \"pages\")"
  std::string shown(size_t index) const {
    const std::string_view kind = extension(index);
    const std::string& name = filters_[index].name;
    return concat("http_filters[", index, "] (", kind,
                  name == kind ? std::string() : concat(", named \"", name, "\""), ")");
  }

  void checkName(size_t index) const {
    for (size_t other = 0; other < index; ++other) {
      if (filters_[other].name != filters_[index].name) continue;
      return place(index).error(
          concat("is named \"", filters_[index].name, "\" as http_filters[", other, "] is"),
          concat("give each a name of its own: name: \"", filters_[index].name, "-2\""));
    }
  }
  void checkOnce(size_t index) const {
    const std::string_view why = filters_[index].order.once;
    if (why.empty()) return;
    for (size_t other = 0; other < index; ++other) {
      if (extension(other) != extension(index)) continue;
      return place(index).error(
          concat("is a second ", extension(index), " behind http_filters[", other, "]: ", why),
          "keep one; routes may have settings of their own for it");
    }
  }
  void checkFirst(size_t index) const {
    const std::string_view why = filters_[index].order.first;
    if (why.empty()) return;
    for (size_t other = 0; other < index; ++other) {
      if (extension(other).empty() || !filters_[other].order.first.empty()) continue;
      return place(index).error(concat("stands behind ", shown(other), ": ", why),
                                concat("move it in front of http_filters[", other, "]"));
    }
  }
  void checkLast(size_t index) const {
    for (size_t other = 0; other < index; ++other) {
      const std::string_view why = filters_[other].order.last;
      if (why.empty() || routed_.contains(static_cast<uint32_t>(other))) continue;
      return place(index).error(concat("is never reached behind ", shown(other), ": ", why),
                                concat("move it in front of http_filters[", other,
                                       "], or disable that for the routes "
                                       "that shall come here"));
    }
  }
  void checkNeighbours(size_t index) const {
    const FilterOrder& order = filters_[index].order;
    for (const FilterOrder::Neighbour& neighbour : order.before) {
      for (size_t other = 0; other < index; ++other) {
        if (extension(other) == neighbour.extension) {
          place(index).error(concat("stands behind ", shown(other), ": ", neighbour.why),
                             concat("move it in front of http_filters[", other, "]"));
          break;
        }
      }
    }
    for (const FilterOrder::Neighbour& neighbour : order.after) {
      for (size_t other = filters_.size(); other-- > index + 1;) {
        if (extension(other) == neighbour.extension) {
          place(index).error(concat("stands in front of ", shown(other), ": ", neighbour.why),
                             concat("move it behind http_filters[", other, "]"));
          break;
        }
      }
    }
  }

  const std::span<const Compiler::HttpFilter> filters_;
  const std::set<uint32_t>& routed_;
  const Cursor& at_;
};

}  // namespace

void checkFilterOrder(std::span<const Compiler::HttpFilter> filters,
                      const std::set<uint32_t>& routed, const Cursor& at) {
  OrderCheck check(filters, routed, at);
  for (size_t i = 0; i < filters.size(); ++i) check.check(i);
}

}  // namespace weir::config
