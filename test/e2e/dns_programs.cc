#include "test/e2e/dns_programs.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/network/socket.h"
#include "test/support/raw_connection.h"

namespace weir::test {

Dnsmasq::Dnsmasq(const std::string& hosts)
    : process_({"dnsmasq", "--conf-file=" + configuration(hosts)}) {}

std::string Dnsmasq::configuration(const std::string& hosts) const {
  return folder_.write(
      "dnsmasq.conf",
      base::concat("no-daemon\nno-resolv\nno-hosts\nbind-interfaces\nlisten-address=127.0.0.1\n",
                   "user=root\npid-file=\nlocal=/weir.example/\nport=", port_,
                   "\naddn-hosts=", folder_.write("hosts", hosts), "\n"));
}

void Dnsmasq::setHosts(const std::string& hosts) {
  folder_.write("hosts", hosts);
  process_.signal(SIGHUP);
}

Unbound::Unbound() : process_({"unbound", "-d", "-c", configuration()}) {}

std::string Unbound::configuration() const {
  return folder_.write(
      "unbound.conf",
      base::concat("server:\n interface: 127.0.0.1@", port_,
                   "\n do-daemonize: no\n use-syslog: no\n logfile: \"\"\n pidfile: \"\"\n"
                   " username: \"\"\n chroot: \"\"\n directory: \"",
                   folder_.path(),
                   "\"\n num-threads: 1\n module-config: \"iterator\"\n"
                   " local-zone: \"weir.example.\" static\n"
                   "remote-control:\n control-enable: yes\n control-use-cert: no\n"
                   " control-interface: \"",
                   folder_.file("control"), "\"\n"));
}

void Unbound::setRecords(const std::string& name, const std::vector<std::string>& records) {
  control({"local_data_remove", name});
  for (const std::string& record : records) control({"local_data", record});
}

void Unbound::control(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {"unbound-control", "-c", folder_.file("unbound.conf")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Finished finished = runToEnd(command);
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
}

LoopbackOrigin::LoopbackOrigin() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  EXPECT_EQ(::listen(listening_.get(), 64), 0);
  port_ = network::localAddressOf(listening_.get()).port();
  acceptor_ = std::thread([this] { accept(); });
}

LoopbackOrigin::~LoopbackOrigin() {
  ::shutdown(listening_.get(), SHUT_RDWR);
  acceptor_.join();
  closeConnections();
  for (std::thread& thread : threads_) thread.join();
}

void LoopbackOrigin::closeConnections() {
  const std::lock_guard lock(mutex_);
  for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
}

void LoopbackOrigin::accept() {
  while (true) {
    const int fd = ::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    open_.insert(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void LoopbackOrigin::serve(int fd) {
  const std::string address = network::localAddressOf(fd).ip();
  std::string body;
  {
    const std::lock_guard lock(mutex_);
    body = base::concat(address, " #", ++accepted_[address]);
  }
  RawConnection connection{base::UniqueFd(fd)};
  const std::string answer =
      base::concat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
  while (connection.readMessage().complete && connection.send(answer)) {
  }
  const std::lock_guard lock(mutex_);
  open_.erase(fd);
  connection.close();
}

}  // namespace weir::test
