#include "source/config/header_rules_compiler.h"

#include <string>
#include <utility>
#include <vector>

#include "api/weir/config/v1/header_rules.pb.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

using http::HeaderRule;
using Kind = HeaderRule::Kind;

// Takes rules in and says of each that is wrong where it stands.
class Reader {
 public:
  explicit Reader(const Cursor& at) : at_(at) {}

  void names(const google::protobuf::RepeatedPtrField<std::string>& from, Kind kind,
             std::string_view field) {
    for (int i = 0; i < from.size(); ++i) take({.kind = kind, .name = from[i]}, at_.at(field, i));
  }
  void values(const google::protobuf::RepeatedPtrField<v1::HeaderValue>& from, Kind kind,
              std::string_view field) {
    for (int i = 0; i < from.size(); ++i) {
      take({.kind = kind,
            .name = from[i].name(),
            .value = from[i].value(),
            .keep_empty = from[i].keep_empty()},
           at_.at(field, i));
    }
  }
  std::vector<HeaderRule> rules() { return std::move(rules_); }

 private:
  void take(HeaderRule rule, const Cursor& at) {
    if (rules_.size() == http::HeaderRules::kMaxRules) {
      at.error(base::concat("there are more than ", http::HeaderRules::kMaxRules, " rules"),
               "leave some out");
    }
    const absl::Status status = http::HeaderRules::check(rule);
    if (!status.ok()) return report(status, at);
    rules_.push_back(std::move(rule));
  }

  const Cursor& at_;
  std::vector<HeaderRule> rules_;
};

}  // namespace

std::shared_ptr<const http::HeaderRules> compileHeaderRules(const v1::HeaderRules& from,
                                                            const Cursor& at) {
  Reader reader(at);
  reader.names(from.remove(), Kind::kRemove, "remove");
  reader.names(from.remove_prefix(), Kind::kRemovePrefix, "remove_prefix");
  reader.values(from.set(), Kind::kSet, "set");
  reader.values(from.add_if_absent(), Kind::kAddIfAbsent, "add_if_absent");
  reader.values(from.append(), Kind::kAppend, "append");
  reader.values(from.add(), Kind::kAdd, "add");
  std::vector<HeaderRule> rules = reader.rules();
  if (rules.empty()) return nullptr;
  return std::make_shared<const http::HeaderRules>(std::move(rules));
}

}  // namespace weir::config
