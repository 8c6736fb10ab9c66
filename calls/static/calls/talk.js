"use strict";
// A test call: the microphone goes to a voice worker over WebRTC, and the agent's voice comes back.
(() => {
  const page = window.talkPage();
  const { part, root } = page;
  const GATHER_MS = 1000;
  const CONNECT_MS = 20000;
  const END_MS = 8000;
  const QUIET_MS = 20000; // longer than an agent's opening, to which one listens
  const QUIET_LEVEL = 0.15;
  let call = null; // the one that is open, or is being opened

  const MICROPHONE = {
    NotAllowedError: "The microphone was refused: allow it for this page, beside its address, and start again.",
    NotFoundError: "No microphone was found: connect one and start again.",
    NotReadableError: "The microphone cannot be used: close other programs that use it, and start again.",
  };
  const INSECURE =
    "Browsers give the microphone only to pages over https:// or on localhost: open this page so, and start again.";
  const NO_WAY =
    "The voice worker's audio does not get through to this browser: a firewall may hold back UDP. " +
    "Name a TURN server in WEBRTC_ICE_SERVERS, see docs/test-call.md.";
  const LOST = "The connection to the voice worker was lost.";

  const ask = async (method, content) => {
    const response = await fetch(root.dataset.offerUrl, {
      method,
      headers: {
        "Content-Type": "application/json",
        "X-CSRFToken": part("form").elements.csrfmiddlewaretoken.value,
      },
      body: JSON.stringify(content),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.error ?? `The web answers ${response.status}: see its log.`);
    if (response.redirected) throw new Error("You are no longer logged in: load this page again.");
    return answer;
  };

  const microphone = async () => {
    if (!window.isSecureContext || !navigator.mediaDevices) throw new Error(INSECURE);
    try {
      return await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch (error) {
      throw new Error(MICROPHONE[error.name] ?? `The microphone cannot be used: ${error.message}`);
    }
  };

  const gathered = (peer) =>
    new Promise((resolve) => {
      if (peer.iceGatheringState === "complete") resolve();
      peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
      setTimeout(resolve, GATHER_MS);
    });

  // Addresses that are found after the offer went out are told one after the other.
  const tellLater = (current) => {
    let told = Promise.resolve();
    current.peer.addEventListener("icecandidate", ({ candidate }) => {
      if (!current.offered || !candidate?.candidate) return;
      told = told
        .then(() => current.answered)
        .then(() => ask("PATCH", { talk: current.talk, candidates: [candidate.toJSON()] }))
        .catch((error) => console.warn(error.message));
    });
  };

  const connect = async (current) => {
    current.stream = await microphone();
    if (call !== current) return current.stream.getTracks().forEach((track) => track.stop());
    page.state("connecting", "Connecting …");
    current.levels = window.talkLevels();
    current.you = current.levels.show(current.stream, part("level-you"));
    const peer = (current.peer = new RTCPeerConnection({
      iceServers: JSON.parse(document.getElementById("talk-ice").textContent),
    }));
    current.channel = peer.createDataChannel("talk");
    current.channel.addEventListener("message", ({ data }) => told(current, JSON.parse(data)));
    peer.addEventListener("track", ({ streams, track }) => {
      const heard = streams[0] ?? new MediaStream([track]);
      part("audio").srcObject = heard;
      current.levels?.show(heard, part("level-agent"));
    });
    peer.addEventListener("connectionstatechange", () => {
      if (call === current && peer.connectionState === "failed") fail(current.live ? LOST : NO_WAY);
    });
    for (const track of current.stream.getTracks()) peer.addTrack(track, current.stream);
    tellLater(current);
    await peer.setLocalDescription();
    await gathered(peer);
    if (call !== current) return;
    current.offered = true;
    const { name, address, interest, zone } = Object.fromEntries(new FormData(part("form")));
    current.answered = ask("POST", { name, address, interest, zone, sdp: peer.localDescription.sdp });
    const answer = await current.answered;
    if (call !== current) return;
    current.talk = answer.talk;
    await peer.setRemoteDescription({ type: answer.type, sdp: answer.sdp });
    current.timer = setTimeout(() => fail(NO_WAY), CONNECT_MS);
  };

  const told = (current, message) => {
    if (call !== current) return;
    if (message.type === "live") live(current);
    else if (message.type === "turn") page.turn(message);
    else if (message.type === "note") page.note(message.text);
    else if (message.type === "signalling" && message.message?.type === "peerLeft") fail(LOST);
    else if (message.type === "ended") {
      close();
      const broke = message.ended_by === "fault";
      page.state(broke ? "failed" : "ended", broke ? "The call broke off." : "The call has ended.");
      if (broke) page.error("Something in the voice worker failed: see its log.");
      page.outcome(message);
    }
  };

  const live = (current) => {
    clearTimeout(current.timer);
    current.live = Date.now();
    const count = () => {
      const s = Math.floor((Date.now() - current.live) / 1000);
      page.state("talking", `Talking, ${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`);
    };
    page.state("talking", "Talking");
    part("state").setAttribute("aria-live", "off"); // the seconds are not to be read out
    current.ticking = setInterval(count, 1000);
    current.timer = setTimeout(() => {
      if (current.you.most < QUIET_LEVEL) page.note("Nothing is heard of your microphone: is it muted, or another one?");
    }, QUIET_MS);
  };

  const close = () => {
    const current = call;
    call = null;
    if (!current) return;
    clearTimeout(current.timer);
    clearInterval(current.ticking);
    part("state").removeAttribute("aria-live");
    current.stream?.getTracks().forEach((track) => track.stop());
    current.peer?.close();
    current.levels?.close();
    current.levels = null;
    part("audio").srcObject = null;
  };

  const fail = (sentence) => {
    close();
    page.state("failed", "There is no call.");
    page.error(sentence);
    part("start").focus();
  };

  const start = async () => {
    const current = (call = {});
    page.clear();
    page.state("asking", "Allow the microphone …");
    part("mute").setAttribute("aria-pressed", "false");
    part("mute").textContent = "Mute";
    part("end").focus();
    try {
      await connect(current);
    } catch (error) {
      if (call === current) fail(error.message);
      else current.stream?.getTracks().forEach((track) => track.stop());
    }
  };

  const end = () => {
    if (call?.live && call.channel.readyState === "open") {
      clearInterval(call.ticking);
      clearTimeout(call.timer);
      page.state("ending", "Ending …");
      call.channel.send(JSON.stringify({ type: "hang_up" }));
      call.timer = setTimeout(() => fail(LOST), END_MS);
    } else {
      close();
      page.state("ended", "The call has ended.");
    }
  };

  const mute = () => {
    const muted = part("mute").getAttribute("aria-pressed") !== "true";
    part("mute").setAttribute("aria-pressed", String(muted));
    part("mute").textContent = muted ? "Muted: press to be heard" : "Mute";
    call?.stream?.getAudioTracks().forEach((track) => (track.enabled = !muted));
  };

  const press = (key) => {
    if (call?.channel?.readyState === "open") call.channel.send(JSON.stringify({ type: "key", key }));
  };

  part("form").elements.zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  part("form").addEventListener("submit", (event) => event.preventDefault());
  part("start").addEventListener("click", start);
  part("end").addEventListener("click", end);
  part("mute").addEventListener("click", mute);
  for (const key of document.querySelectorAll("button[data-key]")) {
    key.addEventListener("click", () => press(key.dataset.key));
  }
  window.addEventListener("pagehide", () => {
    if (call?.live && call.channel.readyState === "open") call.channel.send(JSON.stringify({ type: "hang_up" }));
    close();
  });
})();
