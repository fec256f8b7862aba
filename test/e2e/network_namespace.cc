#include "test/e2e/network_namespace.h"

#include <unistd.h>

#include <filesystem>

#include "test/support/eventually.h"

namespace weir::test {
namespace {

std::string networkOf(const std::string& process) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/" + process + "/ns/net", ignored).string();
}

}  // namespace

NetworkNamespace::NetworkNamespace()
    : holder_(std::make_unique<ChildProcess>(Command{"unshare", "--net", "sleep", "infinity"})) {
  const std::string id = std::to_string(holder_->pid());
  const std::string ours = networkOf("self");
  const auto made = [&] {
    const std::string theirs = networkOf(id);
    return !theirs.empty() && theirs != ours;
  };
  eventually([&] { return !holder_->running() || made(); });
  if (!holder_->running() || !made()) {
    error_ = "cannot make a network namespace: " + holder_->err();
    return;
  }
  error_ = run({"ip", "link", "set", "lo", "up"}).err;
}

Command NetworkNamespace::inside(const Command& command) const {
  Command all = {"nsenter", "--net=/proc/" + std::to_string(holder_->pid()) + "/ns/net"};
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

bool NetworkNamespace::connect(const NetworkNamespace& other, const std::string& device,
                               const std::vector<std::string>& here,
                               const std::vector<std::string>& there) {
  const Finished made = run({"ip", "link", "add", device, "type", "veth", "peer", "name", device,
                             "netns", std::to_string(other.holder_->pid())});
  if (made.code != 0) error_ = made.err;
  return made.code == 0 && addAddresses(device, here) && other.addAddresses(device, there);
}

bool NetworkNamespace::addAddresses(const std::string& device,
                                    const std::vector<std::string>& addresses) const {
  for (const std::string& address : addresses) {
    Command command = {"ip", "address", "add", address, "dev", device};
    // Without a search for duplicates, the address serves at once.
    if (address.find(':') != std::string::npos) command.push_back("nodad");
    if (run(command).code != 0) return false;
  }
  return run({"ip", "link", "set", device, "up"}).code == 0;
}

}  // namespace weir::test
