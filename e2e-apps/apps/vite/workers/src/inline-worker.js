onmessage = ({ data }) => postMessage(data * 3);
