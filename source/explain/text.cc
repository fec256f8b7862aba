#include <algorithm>
#include <cstdio>

#include "source/base/concat.h"
#include "source/explain/explanation.h"

namespace weir::explain {

using base::concat;

namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

// Grows the text line by line. Main-thread only.
class Writer {
 public:
  void line(std::string_view label, std::string_view text) {
    std::string left = concat(label, ":");
    left.resize(std::max(left.size() + 1, kLabel), ' ');
    text_ += concat(left, text, "\n");
  }
  void under(std::string_view text) { text_ += concat("    ", text, "\n"); }
  void options(std::string_view label, const std::vector<Option>& options) {
    if (options.empty()) return;
    const auto chosen = std::find_if(options.begin(), options.end(),
                                     [](const Option& option) { return option.chosen; });
    line(label,
         chosen == options.end() ? "none" : concat("\"", chosen->name, "\" (", chosen->why, ")"));
    for (const Option& option : options) {
      if (!option.chosen) under(concat("not \"", option.name, "\": ", option.why));
    }
  }
  std::string take() { return std::move(text_); }

 private:
  static constexpr size_t kLabel = 16;
  std::string text_;
};

void writeRoutes(const Explanation& from, Writer& to) {
  if (from.method.empty()) return;
  to.line("request", concat(from.method, " ", from.scheme, "://", from.authority, from.path));
  to.line("client", from.client);
  to.line("virtual host", from.virtual_host.empty()
                              ? "none"
                              : concat("\"", from.virtual_host, "\" (\"", from.domain, "\" ",
                                       from.domain_why, ")"));
  if (!from.routes.empty()) to.line("routes", "in order, until one matches");
  for (const RouteView& route : from.routes) {
    const std::string name = route.name.empty() ? std::string() : concat(" \"", route.name, "\"");
    to.under(concat(route.position, name, ", ", route.match, ": ",
                    route.why.empty() ? "matches" : concat("no: ", route.why)));
  }
}

void writeFilters(const Explanation& from, Writer& to) {
  if (from.filters.empty()) return;
  to.line("filters", "in the order of requests");
  for (const FilterView& filter : from.filters) {
    const std::string kind =
        filter.extension == filter.name ? std::string() : concat(" (", filter.extension, ")");
    to.under(concat(filter.name, kind, ": ", filter.state));
  }
}

void writeEndpoint(const EndpointView& endpoint, const ClusterView& cluster, Writer& to) {
  std::string text = concat(endpoint.id == cluster.pick ? "* " : "  ", endpoint.id);
  if (endpoint.address != endpoint.id) text += concat(" at ", endpoint.address);
  text += concat(": ", endpoint.health, ", weight ", endpoint.weight);
  if (endpoint.priority > 0) text += concat(", priority ", endpoint.priority);
  if (!endpoint.locality.empty()) text += concat(", locality ", endpoint.locality);
  text += endpoint.group_share ? concat(", in a group with ", number(*endpoint.group_share), " %")
                               : std::string(", not eligible");
  if (!endpoint.state.empty() && endpoint.state != "enabled") {
    text += concat(", ", endpoint.state, " by the operator");
  }
  if (!endpoint.checked.empty()) text += concat(", checks say ", endpoint.checked);
  if (endpoint.ejected.value_or(false)) text += ", ejected";
  text += concat(", ", endpoint.in_flight, " in flight");
  if (endpoint.full) text += ", full";
  if (endpoint.score) text += concat(", score ", number(*endpoint.score));
  to.under(text);
}

void writeCluster(const ClusterView& cluster, Writer& to) {
  to.line("cluster", concat("\"", cluster.name, "\"",
                            cluster.load_balancing.empty()
                                ? std::string()
                                : concat(", load_balancing/", cluster.load_balancing)));
  if (!cluster.problem.empty()) to.under(cluster.problem);
  for (const std::string& other : cluster.stands_for)
    to.under(concat("stands for \"", other, "\""));
  if (cluster.panic) to.under("in panic: so few are healthy that health is not looked at");
  if (!cluster.stickiness.empty()) {
    to.under(concat("stickiness/", cluster.stickiness, ": ", cluster.sticky_outcome));
  }
  if (!cluster.rule.empty()) to.under(concat("rule: ", cluster.rule));
  if (!cluster.score.empty()) to.under(concat("score: ", cluster.score));
  for (const EndpointView& endpoint : cluster.endpoints) writeEndpoint(endpoint, cluster, to);
  if (!cluster.pick_why.empty()) {
    to.under(concat("pick: ", cluster.pick.empty() ? std::string() : concat(cluster.pick, ", "),
                    cluster.pick_why));
  }
}

}  // namespace

std::string toText(const Explanation& from) {
  Writer to;
  to.options("listener", from.listeners);
  to.options("filter chain", from.filter_chains);
  writeRoutes(from, to);
  writeFilters(from, to);
  if (!from.route.empty()) to.line("route", from.route);
  for (const auto& [name, value] : from.action) to.under(concat(name, ": ", value));
  if (from.targets.size() > 1) {
    for (const TargetView& target : from.targets) {
      to.under(concat("to \"", target.cluster, "\": weight ", target.weight, ", ",
                      number(target.percent), " % of requests"));
    }
  }
  for (const ClusterView& cluster : from.clusters) writeCluster(cluster, to);
  for (const std::string& note : from.notes) to.line("note", note);
  if (!from.problem.empty()) to.line("problem", from.problem);
  if (!from.outcome.empty()) to.line("outcome", from.outcome);
  return to.take();
}

}  // namespace weir::explain
