#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::explain {

// One of several things of which one is chosen, and why it was or was not. Value.
struct Option {
  std::string name = {};
  std::string why = {};
  bool chosen = false;
};

// An HTTP filter. Value.
struct FilterView {
  std::string name = {};
  std::string extension = {};
  std::string state = {};  // "runs", "disabled by the route", "runs with the route's settings"
};

// A route that was considered. Value.
struct RouteView {
  uint32_t position = 0;
  std::string name = {};
  std::string match = {};
  std::string why = {};  // it does not match; empty: it does
};

// A cluster that a route may choose. Value.
struct TargetView {
  std::string cluster = {};
  uint32_t weight = 0;
  double percent = 100;
};

// An endpoint as the one who picks sees it. Value.
struct EndpointView {
  std::string id = {};
  std::string address = {};
  std::string locality = {};
  uint32_t weight = 1;
  uint32_t priority = 0;
  std::string health = {};  // with the operator's word and ejections in it
  std::optional<double> group_share =
      {};                  // percent of picks that its group gets; nothing: not eligible
  uint32_t in_flight = 0;  // of this worker
  bool full = false;
  std::optional<double> score = {};
  // Of a running process: the operator's word, what checks say, whether it is ejected.
  std::string state = {};
  std::string checked = {};
  std::optional<bool> ejected = {};
};

// A cluster and what it would choose. Value.
struct ClusterView {
  std::string name = {};
  std::string problem = {};  // why nothing can be said or chosen
  std::string load_balancing = {};
  std::vector<std::string> stands_for = {};
  bool panic = false;
  std::string stickiness = {};      // its kind; empty: none
  std::string sticky_outcome = {};  // in words
  std::string rule = {};
  std::string score = {};
  std::vector<EndpointView> endpoints = {};
  std::string pick = {};      // an endpoint's id; empty: chance decides, or none
  std::string pick_why = {};  // in words
};

// What becomes of a request, step by step, as far as it comes. Value.
struct Explanation {
  std::vector<std::string> notes = {};  // what was assumed, and what cannot be known here
  std::string problem = {};             // why it ends before there is an outcome
  std::vector<Option> listeners = {};
  std::vector<Option> filter_chains = {};
  std::vector<std::string> network_filters = {};
  std::string method, scheme, authority, path;  // as routes see them
  std::string client = {};
  std::string virtual_host, domain, domain_why;
  std::vector<RouteView> routes = {};
  std::string route = {};  // that was found, as people call it
  std::vector<FilterView> filters = {};
  std::vector<std::pair<std::string, std::string>> action = {};  // "redirect": "301 to https://…"
  std::vector<TargetView> targets = {};
  std::vector<ClusterView> clusters = {};
  std::optional<uint16_t> status = {};  // that Weir answers by itself
  std::string outcome = {};             // in one line
  bool refused = false;                 // Weir has nothing for it: 400, 404, 503

  bool comesToNothing() const { return refused || !problem.empty(); }
};

// For people; ends with a newline.
std::string toText(const Explanation& explanation);
// For machines: one JSON object.
std::string toJson(const Explanation& explanation);

}  // namespace weir::explain
