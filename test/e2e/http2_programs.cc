#include "test/e2e/http2_programs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/weir_process.h"

namespace weir::test {
namespace {

// The number before `word` behind the line's `start`; -1 when it is not there.
int numberBefore(const std::string& text, const std::string& start, const std::string& word) {
  const size_t line = text.find(start);
  const size_t at = text.find(" " + word, line);
  if (line == std::string::npos || at == std::string::npos) return -1;
  const size_t digits = text.find_last_not_of("0123456789", at - 1) + 1;
  return std::atoi(text.c_str() + digits);
}

void addLines(const std::string& text, std::set<std::string>& lines) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.insert(text.substr(at, end - at));
    at = end + 1;
  }
}

}  // namespace

ServedFiles::ServedFiles(const TemporaryFolder& folder) : folder_(folder) {
  ::chmod(folder.path().c_str(), 0755);
  ::mkdir(root().c_str(), 0755);
  for (const size_t size : sizes()) folder.write("www/" + name(size), content(size));
}

std::string ServedFiles::content(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 131 + (i >> 8) + (i >> 15));
  return bytes;
}

const std::vector<size_t>& ServedFiles::sizes() {
  static const std::vector<size_t> kSizes = {0,       1,         1023,      16'383,  16'384,
                                             16'385,  65'535,    65'536,    262'144, 262'145,
                                             1 << 20, 1'000'003, 3'333'333, 10 << 20};
  return kSizes;
}

std::string ServedFiles::fetchAll(const std::string& url, const Command& arguments) const {
  // curl 7.88 fails when it uses a connection with prior knowledge again.
  const bool apart =
      std::find(arguments.begin(), arguments.end(), kPriorKnowledge) != arguments.end();
  std::set<std::string> versions;
  for (size_t i = 0; i < sizes().size(); i += apart ? 1 : sizes().size()) {
    Command command = {"--fail", "--write-out", "%{http_version}\n"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    for (size_t k = i; k < (apart ? i + 1 : sizes().size()); ++k) {
      const std::string file = name(sizes()[k]);
      command.insert(command.end(), {"--output", folder_.file("got-" + file), url + "/" + file});
    }
    const Finished finished = curl(command);
    EXPECT_EQ(finished.code, 0) << finished.err;
    addLines(finished.out, versions);
  }
  for (const size_t size : sizes()) {
    EXPECT_TRUE(readFile(folder_.file("got-" + name(size))) == content(size)) << size;
    ::unlink(folder_.file("got-" + name(size)).c_str());
  }
  std::string all;
  for (const std::string& version : versions) all += (all.empty() ? "" : " ") + version;
  return all;
}

std::string httpListener(std::string_view name, std::string_view manager, std::string_view chain,
                         std::string_view routes) {
  if (routes.empty()) routes = R"(routes { route { cluster: "origin" } })";
  return "listeners { name: \"" + std::string(name) +
         "\" address: \"127.0.0.1:0\"\n  filter_chains { filters { config { "
         "[network_filters/http_connection_manager] {\n    virtual_hosts { name: \"all\" domains: "
         "\"*\" " +
         std::string(routes) + " }\n    " + std::string(manager) + "\n  } } } " +
         std::string(chain) + " } }\n";
}

std::string tlsField(const CertificateAuthority::Pair& pair) {
  return "transport_socket { config { [transport_sockets/tls] { certificates { certificate_file: "
         "\"" +
         pair.certificate + "\" private_key_file: \"" + pair.key + "\" } } } }";
}

std::string shortAccessLog(const std::string& path) {
  return "access_logs { config { [access_loggers/file] { path: \"" + path +
         "\" format: \"%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS%\" } } }";
}

Command loadCommand(const Command& arguments, const std::string& url) {
  Command command = {"h2load", "--connection-active-timeout", "60"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.push_back(url);
  return command;
}

Load readLoad(const std::string& output) {
  Load load;
  load.text = output;
  const auto number = [&](const char* word) { return numberBefore(output, "requests:", word); };
  load.total = number("total");
  load.succeeded = number("succeeded");
  load.failed = number("failed");
  load.errored = number("errored");
  load.timeout = number("timeout");
  load.status_2xx = numberBefore(output, "status codes:", "2xx");
  return load;
}

Load load(const Command& arguments, const std::string& url) {
  const Finished finished = runToEnd(loadCommand(arguments, url), std::chrono::seconds(60));
  EXPECT_EQ(finished.code, 0) << finished.err;
  return readLoad(finished.out);
}

Haproxy::Haproxy(const std::string& sections, uint16_t port)
    : port_(port),
      process_({"haproxy", "-db", "-f",
                folder_.write("haproxy.cfg",
                              "global\n  maxconn 500\ndefaults\n  mode http\n  timeout connect "
                              "10s\n  timeout client 20s\n  timeout server 20s\n" +
                                  sections)}) {}

}  // namespace weir::test
