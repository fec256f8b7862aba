#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "test/e2e/programs.h"

// What the tests with HTTP/2 programs share.
namespace weir::test {

// For curl.
inline constexpr char kPriorKnowledge[] = "--http2-prior-knowledge";

// Files from 0 bytes to 10 MiB in folder "www" of `folder`, to be served and compared with what
// arrived.
class ServedFiles {
 public:
  explicit ServedFiles(const TemporaryFolder& folder);
  std::string root() const { return folder_.file("www"); }
  static std::string content(size_t size);
  static std::string name(size_t size) { return "f" + std::to_string(size); }
  static const std::vector<size_t>& sizes();
  // Gets all of them below `url` with curl and these arguments, and compares. The versions of
  // HTTP that curl saw, once each ("2").
  std::string fetchAll(const std::string& url, const Command& arguments = {}) const;

 private:
  const TemporaryFolder& folder_;
};

// HTTP on a listener of this name; `manager`: further fields of the connection manager,
// `chain`: of the filter chain.
std::string httpListener(std::string_view name, std::string_view manager = {},
                         std::string_view chain = {}, std::string_view routes = {});
// The field of a filter chain that ends TLS there.
std::string tlsField(const CertificateAuthority::Pair& pair);
// An access log at `path` with protocol, status and response flags: "HTTP/2 200 -".
std::string shortAccessLog(const std::string& path);

// What h2load says of its requests: "100 total, 100 started, …".
struct Load {
  int total = 0;
  int succeeded = 0;
  int failed = 0;
  int errored = 0;
  int timeout = 0;
  int status_2xx = 0;
  std::string text;  // all that it said
};
Command loadCommand(const Command& arguments, const std::string& url);
Load readLoad(const std::string& output);
// Runs it to its end.
Load load(const Command& arguments, const std::string& url);

// HAProxy with these sections of its configuration, listening on `port`.
class Haproxy {
 public:
  Haproxy(const std::string& sections, uint16_t port);
  bool ready() { return accepts(port_, process_); }
  std::string log() const { return process_.out() + process_.err(); }

 private:
  TemporaryFolder folder_;
  uint16_t port_;
  ChildProcess process_;
};

}  // namespace weir::test
