// SPDX-License-Identifier: GPL-2.0
/* The C++ library beside libbpf's headers. */
#include <algorithm>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <functional>
#include <gelf.h>
#include <iostream>
#include <linux/if_packet.h>
#include <memory>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

int main() {
    std::vector<std::string> names{"c", "a", "b"};
    std::sort(names.begin(), names.end());
    auto twice = std::bind([](int a, int b) { return a * b; }, std::placeholders::_1, 2);
    auto big = std::make_unique<unsigned long>(1UL << 40);
    std::istringstream lines("first\nsecond");
    std::string line;
    for (const auto &name : names)
        std::cout << name << ' ';
    std::getline(lines, line);
    std::cout << std::hex << 255UL << ' ' << std::dec << twice(21) << ' ' << *big << ' ' << line << std::endl;
    return libbpf_num_possible_cpus() < 1;
}
