// Browsers refuse to start workers for pages opened from disk. There, a hidden frame does the work of the search.
// Its name tells Zensical that its own copy, which lies on the network, is not needed.
if (location.protocol === "file:") {
  window.Worker = class {
    #frame = document.createElement("iframe");
    #ready;

    constructor(script) {
      this.#frame.hidden = true;
      this.#frame.srcdoc = `<base href="${location.href}"><script>
        const answer = message => parent.postMessage({ worker: name, message }, "*");
        window.postMessage = answer;
        window.importScripts = (...urls) => urls.forEach(url => document.write('<script src="' + url + '"><\\/script>'));
      </` + `script><script src="${script}"></` + "script>";
      this.#frame.name = `worker-${Math.random()}`;
      this.#ready = new Promise(resolve => this.#frame.addEventListener("load", resolve));
      window.addEventListener("message", this.#heard);
      document.documentElement.append(this.#frame);
    }

    postMessage(message) {
      this.#ready.then(() => {
        const inside = this.#frame.contentWindow;
        inside?.dispatchEvent(new inside.MessageEvent("message", { data: message }));
      });
    }

    terminate() {
      window.removeEventListener("message", this.#heard);
      this.#frame.remove();
    }

    #heard = event => {
      if (event.data?.worker === this.#frame.name) this.onmessage?.(new MessageEvent("message", { data: event.data.message }));
    };
  };
}
