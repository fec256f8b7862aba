#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/child_process.h"

namespace weir::test {

using Command = std::vector<std::string>;

// A port that was free for TCP and UDP on loopback a moment ago.
uint16_t freePort();

// Waits until something accepts connections on loopback; false when `server` ended before.
bool accepts(uint16_t port, ChildProcess& server);

bool isRoot();

// Anybody who is not root; programs that refuse to run as root do so as this user.
constexpr unsigned kNobody = 65'534;

// The command to run as `user`, who may see every file all the same: the test's folder may lie
// where only root looks. `capabilities`: more of them, as setpriv writes them (",+net_admin"). The
// command itself when the test does not run as root.
Command asUser(unsigned user, const Command& command, const std::string& capabilities = {});

// Makes keys and certificates with the openssl program, so what Weir is tested with does not come
// from the library that it uses itself. Files are in `folder`.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const TemporaryFolder& folder, const std::string& name = "ca");

  // What to trust.
  const std::string& file() const { return file_; }

  struct Pair {
    std::string certificate;  // paths; the certificate of this authority is not in the chain
    std::string key;
  };
  // `names`: subject alternative names as openssl writes them: "DNS:a.example,URI:spiffe://b/c";
  // `extensions`: others, as "name=value".
  Pair issue(const std::string& name, const std::string& names, bool rsa = false, int days = 30,
             const std::vector<std::string>& extensions = {});

 private:
  const TemporaryFolder& folder_;
  std::string file_;
  std::string key_;
};

// nginx on loopback ports, as many workers as one. `http` is what stands in its http block.
class Nginx {
 public:
  Nginx(const std::string& http, const std::vector<uint16_t>& ports);
  bool ready();
  std::string log() const { return process_.err() + readFile(folder_.file("error.log")); }
  const TemporaryFolder& folder() const { return folder_; }
  ChildProcess& process() { return process_; }

 private:
  std::string configuration(const std::string& http) const;

  TemporaryFolder folder_;
  std::vector<uint16_t> ports_;
  ChildProcess process_;
};

// A listener on loopback, port 0, with one filter chain of one network filter.
// `more`: further fields of the listener.
std::string tcpListener(std::string_view name, std::string_view filter, std::string_view more = {});

}  // namespace weir::test
