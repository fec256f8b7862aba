#pragma once

#include <signal.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "source/base/fd.h"
#include "test/e2e/programs.h"
#include "test/support/child_process.h"

namespace weir::test {

// dnsmasq on loopback for names under weir.example; those that it does not know do not exist.
// Records have the time to live 0.
class Dnsmasq {
 public:
  // Lines as of /etc/hosts: "127.0.0.2 web.weir.example".
  explicit Dnsmasq(const std::string& hosts = {});
  bool ready() { return accepts(port_, process_); }
  void setHosts(const std::string& hosts);
  // It is there and says nothing. / It goes on.
  void pause() { process_.signal(SIGSTOP); }
  void resume() { process_.signal(SIGCONT); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string log() const { return process_.err(); }

 private:
  std::string configuration(const std::string& hosts) const;

  TemporaryFolder folder_;
  uint16_t port_ = freePort();
  ChildProcess process_;
};

// unbound on loopback with records of its own under weir.example, which may be changed.
class Unbound {
 public:
  Unbound();
  bool ready() { return accepts(port_, process_); }
  // Puts exactly these in the place of all records of `name`: "web.weir.example. 0 IN A 127.0.0.2".
  void setRecords(const std::string& name, const std::vector<std::string>& records);
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string log() const { return process_.err(); }

 private:
  std::string configuration() const;
  void control(const std::vector<std::string>& arguments) const;

  TemporaryFolder folder_;
  uint16_t port_ = freePort();
  ChildProcess process_;
};

// An HTTP origin on one port of all of 127.0.0.0/8. Answers with the address that was reached and
// the number of the connection to it: "127.0.0.2 #1".
class LoopbackOrigin {
 public:
  LoopbackOrigin();
  ~LoopbackOrigin();
  uint16_t port() const { return port_; }
  // Of all addresses.
  void closeConnections();

 private:
  void accept();
  void serve(int fd);

  base::UniqueFd listening_;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::map<std::string, int> accepted_;  // by address
  std::set<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace weir::test
