ARG BASE
FROM $BASE
COPY docker-compose make_repository.sh start_docker.sh /usr/local/lib/lab/
# What apt gets afterwards comes from a folder of the host itself: a lab asks nobody outside.
RUN printf 'Acquire::Languages "none";\n' >/etc/apt/apt.conf.d/99lab \
 && printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
 && apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    chrony curl iproute2 openssh-client openssh-server procps sudo systemd \
 && bash /usr/local/lib/lab/make_repository.sh /var/lib/lab-packages \
 && rm -rf /etc/ssh/ssh_host_* /var/cache/apt/archives /usr/share/doc /usr/share/man /usr/local/lib/lab
COPY chrony.conf /etc/chrony/chrony.conf
COPY host_start.sh /usr/local/sbin/host-start
RUN useradd --create-home --shell /bin/bash --groups sudo pbx \
 && echo 'pbx ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/pbx && chmod 440 /etc/sudoers.d/pbx \
 && install -d -m 700 -o pbx -g pbx /home/pbx/.ssh \
 && sed -i 's/^session *required *pam_loginuid.so/session optional pam_loginuid.so/' /etc/pam.d/sshd \
 && chmod 755 /usr/local/sbin/host-start \
 && systemctl mask sleep.target suspend.target hibernate.target hybrid-sleep.target
CMD ["/usr/local/sbin/host-start"]
