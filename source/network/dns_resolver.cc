#include "source/network/dns_resolver.h"

#include <algorithm>

#include "source/base/concat.h"

namespace weir::network {
namespace {

constexpr size_t kMostName = 253;
constexpr size_t kMostLabel = 63;

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

bool isNameCharacter(char c) {
  return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

absl::Status refuse(std::string_view name, std::string_view what, std::string_view right) {
  return absl::InvalidArgumentError(
      base::concat("\"", name.substr(0, kMostName), "\" is no host name: ", what, "; ", right));
}

absl::Status checkLabel(std::string_view name, std::string_view label) {
  if (label.empty()) {
    return refuse(name, "a label is empty", "write one dot between labels");
  }
  if (label.size() > kMostLabel) {
    return refuse(name, base::concat("a label has ", std::to_string(label.size()), " characters"),
                  "at most 63 are allowed");
  }
  const auto bad = std::find_if_not(label.begin(), label.end(), isNameCharacter);
  if (bad != label.end()) {
    const bool printable = *bad > ' ' && *bad < 0x7f;
    return refuse(name,
                  printable ? base::concat("'", std::string_view(&*bad, 1), "' is in it")
                            : std::string("a character that names cannot have is in it"),
                  "use letters, digits, '-' and '_'; write other scripts in their \"xn--\" form");
  }
  if (label.front() == '-' || label.back() == '-') {
    return refuse(name, "a label begins or ends with '-'", "begin and end with letter or digit");
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view toString(DnsFailure failure) {
  switch (failure) {
    case DnsFailure::kNone:
      return "none";
    case DnsFailure::kNoSuchName:
      return "no_such_name";
    case DnsFailure::kNoData:
      return "no_data";
    case DnsFailure::kTimeout:
      return "timeout";
    case DnsFailure::kServer:
      return "server_failure";
    case DnsFailure::kMalformed:
      return "malformed";
  }
  return "malformed";
}

absl::Status checkHostName(std::string_view name) {
  std::string_view rest = name;
  if (!rest.empty() && rest.back() == '.') rest.remove_suffix(1);
  if (rest.empty()) return refuse(name, "it is empty", "write a name such as \"web.example.com\"");
  if (rest.size() > kMostName) {
    return refuse(name, base::concat("it has ", std::to_string(rest.size()), " characters"),
                  "at most 253 are allowed");
  }
  std::string_view label;
  for (bool last = false; !last;) {
    const size_t dot = rest.find('.');
    last = dot == std::string_view::npos;
    label = rest.substr(0, dot);
    if (absl::Status status = checkLabel(name, label); !status.ok()) return status;
    if (!last) rest.remove_prefix(dot + 1);
  }
  if (std::all_of(label.begin(), label.end(), isDigit)) {
    return refuse(name, "its last label is a number, as in an address",
                  "write an address such as 10.0.0.1, or a name");
  }
  return absl::OkStatus();
}

absl::Status checkServiceName(std::string_view name) {
  if (absl::Status status = checkHostName(name); !status.ok()) return status;
  const auto marked = [](std::string_view label) { return label.size() > 1 && label[0] == '_'; };
  const size_t service = name.find('.');
  const size_t protocol = service == name.npos ? name.npos : name.find('.', service + 1);
  if (protocol != name.npos && protocol + 1 < name.size() && marked(name.substr(0, service)) &&
      marked(name.substr(service + 1, protocol - service - 1))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      base::concat("\"", name, "\" is no service name; write \"_service._protocol.host\", ",
                   "such as \"_http._tcp.example.com\""));
}

}  // namespace weir::network
